"""Detects texts that are sentences, for which subwords are better than characters."""

from collections.abc import Iterable

from seqgen.corpus.closed_set import first_texts

# 164,000 sentences translated from English to German, 150 s on two busy cores: 1.63 bits per character and BLEU 10.3
# with subwords, 2.83 and 0.6 with characters.
_MIN_WORDS = 4  # per text, on average
_MIN_TEXTS = 2000  # from which subwords are worth learning


def are_sentences(documents: Iterable[Iterable[str]]) -> bool:
    """Return whether enough texts have several words each.

    Args:
        documents: the training part, each as chunks; only the first are read.
    """
    num_words = [len(text.split()) for text in first_texts(documents)]
    return len(num_words) >= _MIN_TEXTS and sum(num_words) >= _MIN_WORDS * len(num_words)
