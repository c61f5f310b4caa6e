"""What the shell offers for the value of an option when Tab is pressed."""

from collections.abc import Callable
from pathlib import Path

import typer

from seqgen.config import FoldersConfig


def run_names(context: typer.Context) -> list[str]:
    """Return the names of the runs; where none fits, the shell offers files."""
    folder = Path(context.params.get("checkpoints_dir") or FoldersConfig().checkpoints_dir)
    return sorted({path.parent.name for path in folder.glob("*/*.safetensors")})


def sources() -> list[str]:
    """Return the built-in corpora; where none fits, the shell offers files."""
    from seqgen.corpus.builtin import NAMES

    return [f"builtin:{name}" for name in NAMES]


def choices(names: tuple[str, ...]) -> Callable[[], list[str]]:
    """Return what offers these names."""
    return lambda: list(names)
