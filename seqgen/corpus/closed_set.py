"""Detects texts that are sequences of tokens from a small closed set, such as phones or tags, separated by spaces.

A word level encodes such a text with one id per token, and the spaces are implied.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from seqgen.config import CorpusConfig
from seqgen.levels.word import WordLevel

SAMPLE_SIZE = 1 << 20  # characters that are examined

# Phones of 15 languages (SIGMORPHON 2020): 35 to 110 different ones, 5.5 to 8.9 per text, each used 9.6 times or more
# among 100 texts. Sentences have at most 300 different words while each is used 4.5 times or less; single words, and a
# word with its features, occur 1 to 2 at a time.
_CLOSED_SIZE = 256  # the most frequent tokens
_MIN_COVERAGE = 0.99  # their share of all tokens
_MIN_USES = 7  # of each token, on average
_MIN_PER_TEXT = 2.5


def first_texts(documents: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the first documents as whole texts, up to about `SAMPLE_SIZE` characters."""
    size = 0
    for text in map("".join, documents):
        yield text
        size += len(text)
        if size >= SAMPLE_SIZE:
            return


def num_closed_tokens(documents: Iterable[Iterable[str]]) -> int:
    """Return the number of different tokens if texts are sequences from a small closed set, otherwise 0.

    Args:
        documents: the training part, each as chunks; only the first are read.
    """
    sample = list(first_texts(documents))
    counts = Counter(token for text in sample for token in text.split(" "))
    num_tokens = counts.total()
    covered = sum(count for _, count in counts.most_common(_CLOSED_SIZE))
    is_closed = (
        num_tokens >= _MIN_PER_TEXT * len(sample)
        and num_tokens >= _MIN_USES * len(counts)
        and covered >= _MIN_COVERAGE * num_tokens
    )
    if not (is_closed and sample):
        return 0
    level = WordLevel.fit([[text] for text in sample], CorpusConfig())
    return len(counts) if level.is_tokenised and level.is_indented else 0
