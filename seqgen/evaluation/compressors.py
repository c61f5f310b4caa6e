"""Baselines independent of tokens: general-purpose compressors that have read the training set."""

import bz2
import lzma
from collections.abc import Callable, Iterable
from typing import Protocol

from seqgen.evaluation.progress import SILENT, Progress, Task

MAX_BYTES = 1 << 23  # of each text: xz compresses half a million per second

_BLOCK = 1 << 16  # bytes per call


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


_COMPRESSORS: dict[str, Callable[[], _Compressor]] = {
    "xz": lambda: lzma.LZMACompressor(preset=9 | lzma.PRESET_EXTREME),
    "bz2": lambda: bz2.BZ2Compressor(9),
}


def compressed_bits(seen: Iterable[str], text: Iterable[str], progress: Progress = SILENT) -> dict[str, float]:
    """Return the bits per byte of a text, given another text, by compressor.

    They are computed from the difference between the compressed size of both texts and that of the first one.

    Args:
        seen: chunks of the given text, of which at most the last `MAX_BYTES` are used.
        text: chunks of the text, of which at most the first `MAX_BYTES` are used.
        progress: receives the progress.
    """
    before, after = _last_bytes(seen), _first_bytes(text)
    bits = {}
    for name, compressor in _COMPRESSORS.items():
        with progress.task(f"compressing with {name}", 2 * len(before) + len(after)) as task:
            both, first = (_compressed_size(compressor(), data, task) for data in (before + after, before))
        bits[name] = 8 * (both - first) / len(after)
    return bits


def _compressed_size(compressor: _Compressor, data: bytes, task: Task) -> int:
    size = 0
    for begin in range(0, len(data), _BLOCK):
        size += len(compressor.compress(data[begin : begin + _BLOCK]))
        task.advance(min(_BLOCK, len(data) - begin))
    return size + len(compressor.flush())


def _first_bytes(chunks: Iterable[str]) -> bytes:
    data = bytearray()
    for chunk in chunks:
        data += chunk.encode("utf-8")
        if len(data) >= MAX_BYTES:
            break
    return bytes(data[:MAX_BYTES])


def _last_bytes(chunks: Iterable[str]) -> bytes:
    data = bytearray()
    for chunk in chunks:
        data += chunk.encode("utf-8")
        if len(data) >= 2 * MAX_BYTES:
            del data[:-MAX_BYTES]
    return bytes(data[-MAX_BYTES:])
