"""Hashes of many texts, by which the split divides documents."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from seqgen.texts import Texts


def hash_fractions(texts: Texts) -> NDArray[np.float64]:
    """Return the first six bytes of the SHA-256 of each text as a fraction in [0, 1), shape (texts,)."""
    data, sha256 = texts.data.tobytes(), hashlib.sha256
    ends = zip(texts.starts.tolist(), texts.stops.tolist(), strict=True)
    digests = b"".join([sha256(data[start:stop]).digest()[:8] for start, stop in ends])
    return (np.frombuffer(digests, dtype=">u8") >> np.uint64(16)) / 256**6
