"""The optimization of the weights."""

from dataclasses import dataclass

from seqgen.config.bounds import COUNT, NOT_NEGATIVE, POSITIVE
from seqgen.options import Options, chosen, option, resolved


@dataclass(frozen=True, kw_only=True)
class OptimizationOptions(Options):
    """Optimization: how to train it."""

    learning_rate: float | None = chosen("Peak learning rate, reached after the warm-up.", metavar="X", bound=POSITIVE)
    weight_decay: float | None = chosen(
        "Decoupled weight decay (AdamW), applied to matrices.", metavar="X", bound=NOT_NEGATIVE
    )
    batch_size: int | None = chosen("Number of streams processed in parallel.", metavar="N", bound=COUNT)
    sequence_length: int | None = chosen(
        "Time steps per training step (truncated backpropagation through time); half as many in the first half.",
        metavar="N",
        bound=COUNT,
    )
    clip: float = option("Maximum gradient norm; larger gradients are scaled down.", 1.0, metavar="X", bound=POSITIVE)


@dataclass(frozen=True, kw_only=True)
class OptimizationConfig(OptimizationOptions):
    """Optimization: how its weights are found, completely chosen."""

    learning_rate: float = resolved(OptimizationOptions, "learning_rate")
    weight_decay: float = resolved(OptimizationOptions, "weight_decay")
    batch_size: int = resolved(OptimizationOptions, "batch_size")
    sequence_length: int = resolved(OptimizationOptions, "sequence_length")
