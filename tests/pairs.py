"""Helpers for tests of pairs: texts that are given other texts."""

import csv
from itertools import pairwise

from seqgen.config import CorpusConfig
from seqgen.corpus.corpus import Corpus
from seqgen.corpus.split_corpus import SplitCorpus

ODD = "a\vb\fc\x1cd\x85e\u2028f\u2029g"  # str.splitlines would divide it
ROWS = [("aeiou"[i % 5] + "bcdfghjk"[i % 8], f"w o r d {i}") for i in range(60)]  # 40 different givens


def read(*sources, **options):
    return Corpus.read(map(str, sources), CorpusConfig(corpus=tuple(map(str, sources)), **options))


def pairs(corpus):
    return [(document.given.text, document.text) for document in corpus]


def split_corpus(*sources, **options):
    return SplitCorpus.read(CorpusConfig(corpus=tuple(map(str, sources)), **options))


def decoded(dataset, level):
    return [level.decode(dataset.ids[begin:end]) for begin, end in pairwise(dataset.offsets.tolist())]


def write_table(path, rows, delimiter="\t"):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return path
