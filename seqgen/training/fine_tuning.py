"""Fine-tuning: a run that starts with the weights and the vocabulary of another."""

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from seqgen.checkpoint import Checkpoint
from seqgen.config import ARCHITECTURE, TrainOptions
from seqgen.errors import UsageError
from seqgen.options import Options, flag

_VOCABULARY = ("ngram", "grid", "velocity", "transpose")  # options on which the vocabulary or its use depends

Group = TypeVar("Group", bound=Options)


def inherited(requested: TrainOptions, parent: Checkpoint, given: Collection[str]) -> TrainOptions:
    """Return the options with those that are determined by the parent's weights and vocabulary.

    Args:
        requested: the options.
        parent: the run to start from.
        given: the names of the options that the user gave explicitly, possibly with their default values.

    Raises:
        UsageError: an option requests another model or another vocabulary.
    """
    level = parent.level.name
    if requested.corpus.level not in ("auto", level):
        raise UsageError(f"--from {requested.model.from_} uses --level {level}: omit --level {requested.corpus.level}")
    if requested.corpus.vocabulary_size not in (None, parent.level.vocabulary_size):
        raise UsageError("--from uses the vocabulary of that run: omit --vocabulary-size")
    vocabulary = {name: getattr(parent.config.corpus, name) for name in _VOCABULARY}
    return replace(
        requested,
        corpus=replace(_overridden(requested.corpus, vocabulary, given), level=level),
        model=_overridden(requested.model, parent.config.model.architecture, given),
    )


def extended(weights: Mapping[str, Tensor], initial: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the parent's weights, with the initial ones of the tokens that its vocabulary lacks.

    Args:
        weights: the parent's tensors.
        initial: tensors of the same names, of which those with a row per token may have more rows.
    """
    return {name: torch.cat([weight, initial[name][len(weight) :].cpu()]) for name, weight in weights.items()}


def without_inherited(requested: TrainOptions) -> TrainOptions:
    """Return the options as they were before `inherited`, because inherited values are not requests of this run."""
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


def _overridden(options: Group, values: dict[str, Any], given: Collection[str]) -> Group:
    """Return the options with these values.

    Raises:
        UsageError: an option that was given has another value.
    """
    defaults = {item.name: item.default for item in fields(options)}
    for name, value in values.items():
        requested = getattr(options, name)
        if requested != value and (name in given or requested != defaults[name]):
            raise UsageError(f"--from uses a model {_described(name, value)}: omit {flag(name)}")
    return replace(options, **values)


def _described(name: str, value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return f"{'with' if value else 'without'} {flag(name)}"
    return f"with {flag(name)} {value}"
