"""Fine-tuning: a run that begins with the weights and the vocabulary of another."""

from dataclasses import fields, replace
from typing import Any, TypeVar

from seqgen.checkpoint import Checkpoint
from seqgen.config import Options, TrainConfig, flag
from seqgen.errors import UsageError

_VOCABULARY = ("ngram", "grid", "velocity", "transpose")  # options that the vocabulary or its use depends on

Group = TypeVar("Group", bound=Options)


def inherited(requested: TrainConfig, parent: Checkpoint) -> TrainConfig:
    """Return the options with those that come with the weights and the vocabulary.

    Args:
        requested: the options as given.
        parent: the run to begin with.

    Raises:
        UsageError: an option asks for another model or another vocabulary.
    """
    level = parent.level.name
    if requested.corpus.level not in ("auto", level):
        raise UsageError(
            f"--from {requested.model.from_} goes on with tokens of --level {level}, so --level "
            f"{requested.corpus.level} must be left out"
        )
    if requested.corpus.vocabulary_size not in (None, parent.level.vocabulary_size):
        raise UsageError("--from keeps the vocabulary of its run, so --vocabulary-size must be left out")
    vocabulary = {name: getattr(parent.config.corpus, name) for name in _VOCABULARY}
    return replace(
        requested,
        corpus=replace(_taken(requested.corpus, vocabulary), level=level),
        model=_taken(requested.model, parent.config.model.architecture),
    )


def _taken(options: Group, values: dict[str, Any]) -> Group:
    """Return the options with these values, which nothing that was given may contradict."""
    defaults = {item.name: item.default for item in fields(options)}
    for name, value in values.items():
        given = getattr(options, name)
        if given not in (defaults[name], value):
            raise UsageError(f"--from begins with a model of {flag(name)} {value}, so {flag(name)} must be left out")
    return replace(options, **values)


def check_corpus(level: str, parent: Checkpoint) -> None:
    """Refuse music for a model of text, and text for one of music.

    Raises:
        UsageError: this is such a corpus.
    """
    if level != parent.level.name:
        raise UsageError(
            f"--from begins with a model of level {parent.level.name}, and this corpus is for level {level}: take a "
            "corpus of its kind, or leave --from out"
        )
