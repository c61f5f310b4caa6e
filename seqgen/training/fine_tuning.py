"""Fine-tuning: a run that begins with the weights and the vocabulary of another."""

from collections.abc import Collection
from dataclasses import fields, replace
from typing import Any, TypeVar

from seqgen.checkpoint import Checkpoint
from seqgen.config import ARCHITECTURE, TrainOptions
from seqgen.errors import UsageError
from seqgen.options import Options, flag

_VOCABULARY = ("ngram", "grid", "velocity", "transpose")  # options that the vocabulary or its use depends on

Group = TypeVar("Group", bound=Options)


def inherited(requested: TrainOptions, parent: Checkpoint, given: Collection[str]) -> TrainOptions:
    """Return the options with those that come with the weights and the vocabulary.

    Args:
        requested: the options.
        parent: the run to begin with.
        given: the options that are the user's own word, though they may be what they are by default.

    Raises:
        UsageError: an option asks for another model or another vocabulary.
    """
    level = parent.level.name
    if requested.corpus.level not in ("auto", level):
        raise UsageError(f"--from {requested.model.from_} uses --level {level}: omit --level {requested.corpus.level}")
    if requested.corpus.vocabulary_size not in (None, parent.level.vocabulary_size):
        raise UsageError("--from uses the vocabulary of that run: omit --vocabulary-size")
    vocabulary = {name: getattr(parent.config.corpus, name) for name in _VOCABULARY}
    return replace(
        requested,
        corpus=replace(_taken(requested.corpus, vocabulary, given), level=level),
        model=_taken(requested.model, parent.config.model.architecture, given),
    )


def without_inherited(requested: TrainOptions) -> TrainOptions:
    """Return the options as they were before `inherited`: what comes with another run is no request of this one."""
    if requested.model.from_ is None:
        return requested
    plain = TrainOptions()
    vocabulary = {name: getattr(plain.corpus, name) for name in ("level", *_VOCABULARY)}
    architecture = {name: getattr(plain.model, name) for name in ARCHITECTURE}
    return replace(
        requested,
        corpus=replace(requested.corpus, **vocabulary),
        model=replace(requested.model, **architecture),
    )


def _taken(options: Group, values: dict[str, Any], given: Collection[str]) -> Group:
    """Return the options with these values, which nothing that was given may contradict."""
    defaults = {item.name: item.default for item in fields(options)}
    for name, value in values.items():
        asked = getattr(options, name)
        if asked != value and (name in given or asked != defaults[name]):
            raise UsageError(f"--from uses a model {_described(name, value)}: omit {flag(name)}")
    return replace(options, **values)


def _described(name: str, value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return f"{'with' if value else 'without'} {flag(name)}"
    return f"with {flag(name)} {value}"
