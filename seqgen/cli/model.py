"""Options and loading of the model that a command uses."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqgen import pretrained
from seqgen.cli import display
from seqgen.cli.completion import model_names
from seqgen.config import DeviceConfig, RunsConfig
from seqgen.process import load_torch
from seqgen.runs import find, list_runs

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.model.language_model import LanguageModel

CheckpointsOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Run, checkpoint file, or built-in model such as builtin:shakespeare. Can be repeated: the other models "
        "are compared with the first.",
        metavar="NAME|FILE",
        show_default="the newest run",
        autocompletion=model_names,
    ),
]


def _checkpoint_option(more: str = "", default: str | bool = True) -> Any:
    """Return the option that names one or several models.

    Args:
        more: what its help says in addition.
        default: which models are used without it; True for none.
    """
    return typer.Option(
        help=f"Run, checkpoint file, or built-in model such as builtin:shakespeare.{more}",
        metavar="NAME|FILE",
        show_default=default,
        autocompletion=model_names,
    )


CheckpointOption = Annotated[
    str | None, _checkpoint_option(default="the newest run, or a built-in model if there is no run")
]
EvaluatedOption = Annotated[
    list[str] | None,
    _checkpoint_option(" Can be repeated: the other models are compared with the first.", "the newest run"),
]
InspectedOption = Annotated[list[str] | None, _checkpoint_option(" Can be repeated.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load(
    checkpoint: str | None, folders: RunsConfig, machine: DeviceConfig
) -> "tuple[Path, Checkpoint, LanguageModel]":
    """Return the path of a checkpoint, its content and its model.

    Raises:
        CheckpointError: the file does not exist or is damaged.
        UsageError: the device is not available.
    """
    load_torch()
    from seqgen.checkpoint import Checkpoint
    from seqgen.model.hardware import resolve_device

    device = resolve_device(machine.device)
    path = find(checkpoint, Path(folders.checkpoints_dir))
    loaded = Checkpoint.read(path)
    return path, loaded, loaded.model(device)


def or_builtin(checkpoint: str | None, folders: RunsConfig, outputs: list[Path], prime: str) -> str | None:
    """Return the given checkpoint, or the name of a built-in model if none is given and there are no runs.

    Args:
        checkpoint: the value of `--checkpoint`.
        folders: where runs are.
        outputs: files to write.
        prime: the value of `--prime`. If a suffix of it or of an output is that of music, so is the model.
    """
    if checkpoint is not None or list_runs(Path(folders.checkpoints_dir)):
        return checkpoint
    files = [*outputs, Path(prime)] if prime.startswith("@") else outputs
    name = pretrained.MUSIC if any(map(_is_music, files)) else pretrained.TEXT
    others = ", ".join(other for other in pretrained.names() if other != name)
    display.note(f"there is no run in {folders.checkpoints_dir}: using {name} (also built in: {others})")
    return name


def _is_music(path: Path) -> bool:
    from seqgen.music.read import MUSIC
    from seqgen.music.write import SUFFIXES

    return path.suffix.lower() in {*SUFFIXES, *MUSIC}
