"""Options and loading of the model that a command uses."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqgen.cli.completion import run_names
from seqgen.config import DeviceConfig, RunsConfig
from seqgen.process import load_torch

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.model.language_model import LanguageModel

CheckpointOption = Annotated[
    str | None,
    typer.Option(
        help="Run or checkpoint file.",
        metavar="NAME|FILE",
        show_default="the newest run",
        autocompletion=run_names,
    ),
]
CheckpointsOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Run or checkpoint file. Can be repeated: the other models are compared with the first.",
        metavar="NAME|FILE",
        show_default="the newest run",
        autocompletion=run_names,
    ),
]
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
    from seqgen.runs import find

    device = resolve_device(machine.device)
    path = find(checkpoint, Path(folders.checkpoints_dir))
    loaded = Checkpoint.read(path)
    return path, loaded, loaded.model(device)
