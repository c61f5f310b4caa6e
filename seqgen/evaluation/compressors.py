"""A baseline that knows nothing of tokens: what general compressors need for a text once they have seen another."""

import bz2
import lzma
from collections.abc import Callable, Iterable

MAX_BYTES = 1 << 23  # of either text: xz takes a second for half a million

_COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "xz": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
    "bz2": lambda data: bz2.compress(data, 9),
}


def compressed_bits(seen: Iterable[str], text: Iterable[str]) -> dict[str, float]:
    """Return the bits for each byte that compressors need for a text behind another one.

    What a compressor makes of both together is longer than what it makes of the first alone by what the second costs.

    Args:
        seen: the first text in chunks, of which at most the last `MAX_BYTES` are used.
        text: the second in chunks, of which at most the first `MAX_BYTES` are used.
    """
    before, behind = _last_bytes(seen), _first_bytes(text)
    return {
        name: 8 * (len(compress(before + behind)) - len(compress(before))) / len(behind)
        for name, compress in _COMPRESSORS.items()
    }


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
