"""The counterpart of a file: `test.en` of `test.de` if `train.en` is that of `train.de`, by name or by folder."""

import os
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

_Parts = tuple[str, ...]  # of the path of a folder


def counterpart(source: str, corpus: str, given: str) -> str | None:
    """Return the path that differs from that of a source as `--given` differs from `--corpus`.

    Args:
        source: the path of a file other than `--corpus`.
        corpus: the path of `--corpus`.
        given: the path of `--given`.

    Returns:
        The normalised path; None if the source lacks the parts in which the other two differ.
    """
    names = source, corpus, given
    normalised = os.path.abspath if any(map(os.path.isabs, names)) else os.path.normpath
    paths = [Path(normalised(name)) for name in names]
    folder = _folder(*(path.parent.parts for path in paths))
    end, given_end = _different_ends(paths[1].name, paths[2].name)
    if folder is None or not paths[0].name.endswith(end):
        return None
    return str(Path(*folder, paths[0].name.removesuffix(end) + given_end))


def _folder(source: _Parts, corpus: _Parts, given: _Parts) -> _Parts | None:
    """Replace the folders of a source that differ between `--corpus` and `--given`; return None if it lacks them."""
    if corpus == given:
        return source
    num_last = _num_shared(corpus[::-1], given[::-1])
    different, replacement = (parts[: len(parts) - num_last] for parts in (corpus, given))
    num_first = _num_shared(different, replacement)
    end = len(source) - num_last
    begin = end - len(different) + num_first
    if begin < 0 or source[begin:end] != different[num_first:]:
        return None
    return source[:begin] + replacement[num_first:] + source[end:]


def _different_ends(one: str, other: str) -> tuple[str, str]:
    """Return the ends of two names after what they share, from a dot on if possible."""
    num_shared = _num_shared(one, other)
    dot = one.rfind(".", 0, num_shared)
    begin = num_shared if dot < 0 else dot
    return one[begin:], other[begin:]


def _num_shared(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the number of items at the beginning that two sequences share."""
    return sum(1 for _ in takewhile(lambda items: items[0] == items[1], zip(one, other, strict=False)))
