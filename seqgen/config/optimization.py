"""The optimization of the weights."""

from dataclasses import dataclass

from seqgen.config.bounds import COUNT, DROP, NOT_NEGATIVE, POSITIVE
from seqgen.options import LARGEST, Options, chosen, option, resolved


@dataclass(frozen=True, kw_only=True)
class OptimizationOptions(Options):
    """Optimization: how to train it."""

    learning_rate: float | None = chosen("Peak learning rate, reached after the warm-up.", metavar="X", bound=POSITIVE)
    weight_decay: float | None = chosen(
        "Decoupled weight decay (AdamW), applied to matrices.", metavar="X", bound=NOT_NEGATIVE
    )
    batch_size: int | None = chosen(
        "Number of streams, or mean number of pairs, per training step.", metavar="N", bound=COUNT
    )
    sequence_length: int | None = chosen(
        "Time steps per training step (truncated backpropagation through time); half as many in the first half.",
        metavar="N",
        bound=COUNT,
    )
    max_length: int | None = chosen(
        "Maximum number of tokens on either side of a pair; longer pairs are left out of training.",
        metavar="N",
        bound=COUNT,
        group="Given",
    )
    label_smoothing: float | None = chosen("Share of the uniform distribution in the targets.", metavar="P", bound=DROP)
    clip: float = option("Maximum gradient norm; larger gradients are scaled down.", 1.0, metavar="X", bound=POSITIVE)


@dataclass(frozen=True, kw_only=True)
class OptimizationConfig(OptimizationOptions):
    """Optimization: how its weights are found, completely chosen."""

    learning_rate: float = resolved(OptimizationOptions, "learning_rate")
    weight_decay: float = resolved(OptimizationOptions, "weight_decay")
    batch_size: int = resolved(OptimizationOptions, "batch_size")
    sequence_length: int = resolved(OptimizationOptions, "sequence_length")
    max_length: int = resolved(OptimizationOptions, "max_length", LARGEST)
    label_smoothing: float = resolved(OptimizationOptions, "label_smoothing", 0.0)
