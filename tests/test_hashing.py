"""Hashes of many texts, compared with those of single documents."""

import hashlib
import random

from seqgen.corpus.documents import Passage
from seqgen.corpus.hashing import hash_fractions
from seqgen.texts import Texts


def test_hashes_are_those_of_sha256_whatever_the_length():
    generator = random.Random(1)
    texts = ["é" * generator.randint(0, 3) + "x" * generator.choice([1, 50, 60, 130, 300]) + str(i) for i in range(100)]
    expected = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 256**6 for text in texts]
    assert hash_fractions(Texts.of(texts)).tolist() == expected
    assert [Passage("", text).hash_fraction for text in texts] == expected
