"""A baseline that knows nothing of tokens: what general compressors need for a text once they have seen another."""

import bz2
import lzma
from collections.abc import Callable, Iterable
from typing import Protocol

from seqgen.evaluation.progress import SILENT, Progress, Task

MAX_BYTES = 1 << 23  # of either text: xz takes a second for half a million

_BLOCK = 1 << 16  # bytes that are compressed at once


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


_COMPRESSORS: dict[str, Callable[[], _Compressor]] = {
    "xz": lambda: lzma.LZMACompressor(preset=9 | lzma.PRESET_EXTREME),
    "bz2": lambda: bz2.BZ2Compressor(9),
}


def compressed_bits(seen: Iterable[str], text: Iterable[str], progress: Progress = SILENT) -> dict[str, float]:
    """Return the bits for each byte that compressors need for a text behind another one.

    What a compressor makes of both together is longer than what it makes of the first alone by what the second costs.

    Args:
        seen: the first text in chunks, of which at most the last `MAX_BYTES` are used.
        text: the second in chunks, of which at most the first `MAX_BYTES` are used.
        progress: shows how far it is.
    """
    before, behind = _last_bytes(seen), _first_bytes(text)
    bits = {}
    for name, compressor in _COMPRESSORS.items():
        with progress.task(f"compressing with {name}", 2 * len(before) + len(behind)) as task:
            both, first = (_compressed_size(compressor(), data, task) for data in (before + behind, before))
        bits[name] = 8 * (both - first) / len(behind)
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
