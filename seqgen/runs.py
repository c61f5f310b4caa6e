"""The runs in the folder for checkpoints: their names and files, and how they are found."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from itertools import chain, count
from pathlib import Path

from seqgen import pretrained
from seqgen.corpus.archives import without_packing
from seqgen.errors import CheckpointError, UsageError

BEST, LAST, PREVIOUS = "best.safetensors", "last.safetensors", "previous.safetensors"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def find(checkpoint: str | None, checkpoints_dir: Path) -> Path:
    """Return the checkpoint that `--checkpoint NAME|FILE` refers to.

    Args:
        checkpoint: a run, for its best model, a file, or a built-in model; None for the newest run.
        checkpoints_dir: the folder of the runs.

    Raises:
        CheckpointError: it does not exist.
    """
    if checkpoint is None:
        runs = sorted(list_runs(checkpoints_dir), key=lambda run: model_file(run).stat().st_mtime)
        if not runs:
            raise CheckpointError(
                f"there is no trained model in {checkpoints_dir}; train one with: seqgen train --corpus FILE, or name "
                f"a built-in one with --checkpoint: {', '.join(pretrained.names())}"
            )
        return model_file(runs[-1])
    if checkpoint.startswith(pretrained.PREFIX):
        return pretrained.path_of(checkpoint)
    for path in (checkpoints_dir / checkpoint, Path(checkpoint)):
        if path.is_file():
            return path
        if path.is_dir() and model_file(path).is_file():
            return model_file(path)
    names = sorted(run.name for run in list_runs(checkpoints_dir))
    raise CheckpointError(
        f"there is no checkpoint {checkpoint!r}: it is neither a file nor a run in {checkpoints_dir}; "
        f"the runs there are: {', '.join(names) or 'none'}{_suggestion(checkpoint, [*names, *pretrained.names()])}"
    )


def full_name(path: Path) -> str:
    """Return what identifies a checkpoint file to the user: its path, or `builtin:NAME`."""
    return f"{pretrained.PREFIX}{path.stem}" if pretrained.is_builtin(path) else str(path)


def not_resumable(name: str, checkpoints_dir: Path) -> CheckpointError:
    """Return the error for a run that does not exist or has no state to resume from."""
    names = sorted(path.parent.name for path in checkpoints_dir.glob(f"*/{LAST}"))
    return CheckpointError(
        f"there is no run {name!r} to resume in {checkpoints_dir}; the runs there are: "
        f"{', '.join(names) or 'none'}{_suggestion(name, names)}"
    )


def _suggestion(name: str, names: Iterable[str]) -> str:
    """Return a question that suggests the most similar name; empty if none is similar.

    Args:
        name: the requested name or path.
        names: the names of existing runs.
    """
    parts = Path(name).parts
    given = parts[-2] if len(parts) > 1 and parts[-1].endswith(".safetensors") else Path(name).name
    spelled = {each.casefold().removeprefix(pretrained.PREFIX): each for each in names}
    similar = get_close_matches(given.casefold(), spelled, n=1)
    return f"; did you mean {spelled[similar[0]]}?" if similar else ""


def list_runs(checkpoints_dir: Path) -> list[Path]:
    """Return the folders that contain a model."""
    if not checkpoints_dir.is_dir():
        return []
    return [path for path in checkpoints_dir.iterdir() if path.is_dir() and model_file(path).is_file()]


def model_file(run: Path) -> Path:
    """Return the file of a run's best model, or of its newest state if there is no best model yet."""
    best = run / BEST
    return best if best.is_file() else run / LAST


def short_names(paths: Iterable[Path]) -> list[str]:
    """Return short names of checkpoint files: of a run its folder, of another file its name without the suffix.

    Names that would be the same, of different files, get as much more of their paths as distinguishes them.
    """
    paths = [path.resolve() for path in paths]
    forms = {path: list(_names_of(path)) for path in paths}
    shared = Counter(form for names in forms.values() for form in names)
    return [next((name for name in forms[path] if shared[name] == 1), str(path)) for path in paths]


def short_name(path: Path) -> str:
    """Return the name of a single checkpoint file, see `short_names`."""
    return short_names([path])[0]


def _names_of(path: Path) -> Iterator[str]:
    """Yield names of a checkpoint file, the shortest first; those with its suffix come last."""
    if pretrained.is_builtin(path):
        yield from (path.stem, full_name(path))
        return
    is_of_run = path.name in (BEST, LAST, PREVIOUS) and len(path.parts) > 2  # root, folder, file
    for each, least in ((path.parent if is_of_run else path.with_suffix(""), 1), (path, 2)):
        for num_parts in range(least, len(each.parts)):
            yield "/".join(each.parts[-num_parts:])


def check_name(name: str, option: str = "--name") -> str:
    """Return the name of a run unchanged if it is valid.

    Raises:
        UsageError: it is invalid.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{option} must start with a letter or digit, followed by letters, digits, '.', '_' or '-', got {name!r}"
        )
    return name


def check_free(checkpoints_dir: Path, name: str | None, *, overwrite: bool) -> None:
    """Check that a new run may have this name.

    Raises:
        UsageError: the name is invalid, or a run has it and must not be overwritten.
    """
    if name is None:
        return
    folder = checkpoints_dir / check_name(name)
    if not overwrite and any((folder / file).exists() for file in (BEST, LAST)):
        raise UsageError(
            f"the run {name!r} already exists in {checkpoints_dir}: resume it with --resume {name}, replace it with "
            "--overwrite, or choose another --name"
        )


def name_from(sources: Iterable[str]) -> str:
    """Return a name for a run, derived from its first source."""
    source = without_packing(next(iter(sources)).removeprefix("builtin:"))
    return re.sub(r"[^A-Za-z0-9._-]+", "-", Path(source).resolve().stem).strip("-._") or "run"


def make_numbered(folder: Path) -> Path:
    """Create the folder, with the first free number appended to its name if it exists."""
    for number in chain([""], (f"-{number}" for number in count(2))):
        with suppress(FileExistsError):
            numbered = folder.with_name(folder.name + number)
            numbered.mkdir()
            break
    return numbered
