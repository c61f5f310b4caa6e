"""Detects texts that are sentences, for which subwords are better than characters."""

from collections.abc import Iterable

from seqgen.corpus.closed_set import SAMPLE_SIZE

# 164,000 sentences translated from English to German, 150 s on two busy cores: 1.63 bits per character and BLEU 10.3
# with subwords, 2.83 and 0.6 with characters.
_MIN_WORDS = 4  # per text, on average
_MIN_TEXTS = 2000  # from which subwords are worth learning


def are_sentences(documents: Iterable[Iterable[str]]) -> bool:
    """Return whether enough texts have several words each.

    Args:
        documents: the training part, each as chunks; only the first are read.
    """
    num_words = num_texts = size = 0
    for text in map("".join, documents):
        num_words += len(text.split())
        num_texts += 1
        size += len(text)
        if size >= SAMPLE_SIZE:
            break
    return num_texts >= _MIN_TEXTS and num_words >= _MIN_WORDS * num_texts
