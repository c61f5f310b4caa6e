"""The built-in models, which come with seqgen as half-precision checkpoints; checkpoints/README.md describes them."""

from pathlib import Path

from seqgen.errors import CheckpointError

PREFIX = "builtin:"
TEXT, MUSIC = "builtin:shakespeare", "builtin:bach-chorales"  # used where there is no run yet
_FOLDER = Path(__file__).resolve().parent


def names() -> list[str]:
    """Return the names of all built-in models, such as `builtin:shakespeare`."""
    return sorted(f"{PREFIX}{path.stem}" for path in _FOLDER.glob("*.safetensors"))


def path_of(name: str) -> Path:
    """Return the checkpoint file of a built-in model.

    Args:
        name: with the prefix `builtin:`.

    Raises:
        CheckpointError: there is no such model.
    """
    if name not in names():
        raise CheckpointError(f"there is no built-in model {name!r}; the built-in models are {', '.join(names())}")
    return _FOLDER / f"{name.removeprefix(PREFIX)}.safetensors"


def is_builtin(path: Path) -> bool:
    """Return whether a file is that of a built-in model."""
    return path.resolve().parent == _FOLDER
