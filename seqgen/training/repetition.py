"""Repeats the automatic choices of an earlier run, given by its configuration file."""

from dataclasses import fields, replace
from typing import TypeVar

from seqgen.config import TrainOptions
from seqgen.config_file import Resolved
from seqgen.options import Options, flag
from seqgen.training.preparation import Say

Group = TypeVar("Group", bound=Options)


def repeated(requested: TrainOptions, earlier: Resolved, fingerprint: str, say: Say) -> TrainOptions:
    """Return the options with those that were chosen for the earlier run, if the corpus is the same.

    Args:
        requested: the options as given.
        earlier: the options of the earlier run.
        fingerprint: the fingerprint of the corpus.
        say: displays a message to the user.
    """
    chosen = ", ".join(flag(name) for group in (requested.model, requested.optimization) for name in _open(group))
    if not chosen:
        return requested
    if fingerprint != earlier.fingerprint:
        say(f"the corpus differs from that of --config; chosen again: {chosen}")
        return requested
    say(f"the corpus is that of the earlier run; chosen options are reused: {chosen}", is_detail=True)
    model = _filled(requested.model, earlier.config.model)
    return replace(requested, model=model, optimization=_filled(requested.optimization, earlier.config.optimization))


def _open(options: Options) -> list[str]:
    return [item.name for item in fields(options) if options.is_open(item.name)]


def _filled(options: Group, earlier: Options) -> Group:
    """Fill open options with earlier values; the size of tied embeddings follows from the hidden size."""
    values = {name: getattr(earlier, name) for name in _open(options)}
    if values.get("tie_weights"):
        values.pop("embedding_size", None)
    return replace(options, **values)
