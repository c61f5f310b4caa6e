"""Values that the shell offers for options when Tab is pressed."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import pairwise
from pathlib import Path

import typer

from seqgen import pretrained
from seqgen.config import FoldersConfig

_BREAKS = frozenset(":=")  # those of Bash's COMP_WORDBREAKS that occur in words


def run_names(context: typer.Context) -> list[str]:
    """Return the names of the runs."""
    folder = Path(context.params.get("checkpoints_dir") or FoldersConfig().checkpoints_dir)
    return sorted({path.parent.name for path in folder.glob("*/*.safetensors")})


def model_names(context: typer.Context) -> list[str]:
    """Return the names of the runs and of the built-in models; if none matches, the shell offers files."""
    return [*run_names(context), *pretrained.names()]


def sources() -> list[str]:
    """Return the built-in corpora; if none matches, the shell offers files."""
    from seqgen.corpus.builtin import NAMES

    return [f"builtin:{name}" for name in NAMES]


def choices(names: tuple[str, ...]) -> Callable[[], list[str]]:
    """Return a function that returns these names."""
    return lambda: list(names)


@contextmanager
def whole_words() -> Iterator[None]:
    """Complete words with colons in Bash.

    Bash splits words at `COMP_WORDBREAKS`: it passes `builtin:py` as three words and replaces only the last of them.
    """
    if os.environ.get("_SEQGEN_COMPLETE") != "complete_bash":
        yield
        return
    words = os.environ["COMP_WORDS"].split("\n")[: int(os.environ["COMP_CWORD"]) + 1]
    joined = _joined(words)
    os.environ |= {"COMP_WORDS": "\n".join(joined), "COMP_CWORD": str(len(joined) - 1)}
    current = "" if _is_break(words[-1]) else words[-1]
    start = joined[-1].removesuffix(current)  # what Bash keeps
    if start.startswith("-"):
        start = start.partition("=")[2]
    completions = io.StringIO()
    try:
        with redirect_stdout(completions):
            yield
    finally:  # it ends with SystemExit
        for line in completions.getvalue().splitlines():
            typer.echo(line.removeprefix(start))


def _joined(words: list[str]) -> list[str]:
    """Return the words as they were before Bash split them at colons and equals signs."""
    joined = words[:1]
    for before, word in pairwise(words):
        if word and (_is_break(word) or _is_break(before)):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _is_break(word: str) -> bool:
    return word != "" and _BREAKS.issuperset(word)
