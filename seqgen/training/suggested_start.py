"""When to start from a built-in model; docs/small-corpora.md has the gain on five small texts."""

import re

from seqgen import pretrained
from seqgen.config import ARCHITECTURE, ModelOptions, TrainOptions
from seqgen.corpus import builtin
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.levels.character import CharacterLevel

_MIN_TOKENS, _MAX_TOKENS = 10_000, 100_000  # sizes of the training set for which it was measured
_EXCERPT = 20_000  # tokens whose words are looked up
_MIN_KNOWN = 0.6  # share of words in Shakespeare's plays
_PLAIN = ModelOptions()
_WORD = re.compile(r"[^\W\d_]{3,}")


def suggested_start(requested: TrainOptions, corpus: PreparedCorpus) -> str | None:
    """Return a message that recommends `--from` and states the measured gain; None where no gain is expected.

    Args:
        requested: the options as given.
        corpus: the prepared corpus.
    """
    level = corpus.level
    model = requested.model
    is_chosen = any(getattr(model, name) != getattr(_PLAIN, name) for name in ARCHITECTURE)  # which --from would choose
    if model.from_ is not None or is_chosen or corpus.given_coding is not None or corpus.shares.are_divided:
        return None
    if not (type(level) is CharacterLevel and level.ngram == 1 and _MIN_TOKENS <= len(corpus.train.ids) <= _MAX_TOKENS):
        return None
    share = known_share(level.decode(corpus.train.ids[:_EXCERPT]))
    if share < _MIN_KNOWN:
        return None
    return (
        f"{share:.0%} of the words at the beginning of this text occur in Shakespeare's plays: "
        f"--from {pretrained.TEXT} is likely to give a better model (two such texts of 28 and 40 kB: 0.43 and 0.50 "
        "bits per character better)"
    )


def known_share(text: str) -> float:
    """Return the share of the words of a text, of at least three letters, that occur in Shakespeare's plays."""
    (plays,) = builtin.files(pretrained.TEXT.removeprefix(pretrained.PREFIX))
    with plays.opened() as file:
        known = set(_words(file.read().decode("utf-8")))
    words = _words(text)
    return sum(word in known for word in words) / len(words) if words else 0.0


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
