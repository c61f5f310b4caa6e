"""Sizes of a network and its learning rate."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from seqgen.config import ModelConfig, ModelOptions

EMBEDDING_SIZE = 64  # enough for an alphabet; sizes that are not a multiple of 16 halve the speed
# Vocabulary size from which embedding and output weights are tied. Words of Python's documentation after 500 steps:
# 3.23 nats per word tied, 3.30 untied; words of its source code after 600 steps: 2.65 and 2.68.
TIED_VOCABULARY = 2000
# Tokens to which a single layer attends, and two layers if the text repeats itself, because they overfit otherwise.
# Nats with attention and without it, in the same time on one core unless noted:
#
#                   repetitiveness   epochs
# source code                 0.27      0.2   1 x 512: 1.158, 1.260
#                                       0.2   2 x 512: 1.184, 1.294
# 1 MB of it                  0.30      4.1   1 x 256: 0.822, 0.912
# Bach, jsb16, all keys       0.33      0.8   1 x 256: 0.479, 0.528 after as many steps
# documentation               0.16      6.4   1 x 256: 1.114, 1.128
#                                       3.7   1 x 512: 1.097, 1.099; no better in twice the time
# folk tunes                  0.12      1.3   1 x 256: 1.189, 1.245 after as many steps, medians of three seeds
# plays                       0.05      2.0   1 x 512: 1.445, 1.447
#                                       5.3   2 x 512: 1.426 at the lowest, 1.411
# Bach in notes               0.03      9.8   1 x 256: 1.536, 1.564 nats per note
# words of a Bible            0.02      1.6   1 x 512: 4.004, 3.977
ATTENTION = 256
REPETITIVE = 0.2  # repetitiveness from which two layers attend to the past
# With fewer steps per epoch the learning rate is lower. With factors of 0.14, 0.32 and 0.67, 40 names with 2 steps per
# epoch end at 3.27, 3.46 and 3.95 nats. In other texts, the rule is better after 200 steps than factors of sqrt(n / 50)
# for n steps per epoch after 400 steps (verse: 300), or almost as good:
#
#                            n   this rule          sqrt(n / 50)   the same after 200 steps
# 50 tunes in ABC, 23 kB     5   0.60: 1.484        0.32: 1.491
# textwrap.py, 20 kB         5   0.60: 1.907        0.32: 1.897    1.976, 1.955
# English verse, 28 kB       7   1: 1.929, 1.939    0.37: 1.958    1.990, 1.981
# English prose, 40 kB       9   1: 1.768           0.42: 1.772
# recipes in German, 45 kB  10   0.97: 1.230        0.45: 1.237
# names of towns, 4 kB      14   1: 2.619           0.53: 2.624
#
# With 1 x 512, the verse is at 1.953 nats after 100 steps with a factor of 1, at 2.073 with 0.37.
GENTLE_STEPS = 7
FINE_TUNING = 0.5  # factor of the learning rate for weights that are already trained
GENTLE_TUNING_STEPS = 50  # with fewer steps per epoch this factor is lower, by the square root of their share


@dataclass(frozen=True)
class Size:
    """A network, its learning rate, and the steps from which it beats the next smaller one in the same time on text."""

    num_layers: int
    hidden_size: int
    learning_rate: float
    min_steps: float


# Nats with attention in the same time on one core: plays 1.443 and 1.450 (480 steps of 1 x 512, 1,376 of 1 x 256),
# 1.490 and 1.452 (330 and 950); documentation 1.100 and 1.109 (330 and 950); source code 1.261 and 1.087 (330 and
# 950). A bound on the steps of the smaller network would depend on the machine: 1 x 512 takes 2.9 times the time of
# 1 x 256 with one thread, 1.7 times with two.
SIZES = (
    Size(num_layers=1, hidden_size=256, learning_rate=6e-3, min_steps=0),
    Size(num_layers=1, hidden_size=512, learning_rate=5e-3, min_steps=450),
    Size(num_layers=2, hidden_size=512, learning_rate=3e-3, min_steps=1500),
)


def choose_size(
    options: ModelOptions,
    vocabulary_size: int,
    repeated: float,
    num_steps: Callable[[ModelConfig], float],
) -> tuple[ModelConfig, float]:
    """Choose the largest network for which the budget has enough steps.

    Args:
        options: the model options; all that the recipe chooses may be open, except the cutoff of the softmax.
        vocabulary_size: the number of token ids.
        repeated: the share of the text that repeats what came shortly before, see `repetitiveness`.
        num_steps: returns the number of steps that the budget allows for a network.

    Returns:
        The model options with all sizes, and the number of steps.
    """
    model = _with_size(options, SIZES[0], vocabulary_size, repeated)
    steps = num_steps(model)
    for size in SIZES[1:]:
        larger = _with_size(options, size, vocabulary_size, repeated)
        if larger == model:  # its sizes are given
            continue
        min_steps = _min_steps(size, larger, vocabulary_size)
        if steps < min_steps or (larger_steps := num_steps(larger)) < min_steps:  # a larger network has fewer steps
            break
        model, steps = larger, larger_steps
    return model, steps


def choose_learning_rate(model: ModelConfig, steps_per_epoch: int) -> float:
    """Return the learning rate of the nearest size by units, reduced for small corpora and for fine-tuning."""
    units = model.num_layers * model.hidden_size
    nearest = min(SIZES, key=lambda size: abs(math.log(size.num_layers * size.hidden_size / units)))
    factor = min(1.0, steps_per_epoch / GENTLE_STEPS) ** 1.5
    if model.from_ is not None:
        factor = FINE_TUNING * math.sqrt(min(1.0, steps_per_epoch / GENTLE_TUNING_STEPS))
    return float(f"{nearest.learning_rate * factor:.2g}")


def _min_steps(size: Size, model: ModelConfig, vocabulary_size: int) -> float:
    """Return the number of steps from which a network beats the next smaller one.

    They are more for larger vocabularies. Without attention, 1 x 256 and 1 x 512 are equal after 40 s with 70 to 100
    tokens (plays: 1.495 and 1.494 nats after 900 steps of 1 x 256), not yet with 440 tokens (chorales: 1.248 and 1.313
    after 40 s, 1.204 and 1.212 after 80 s; tunes: 1.076 and 1.123 after 40 s), nor after 160 s with 8,400 tokens
    (words: 3.426 and 3.643 after 80 s, 3.335 and 3.471 after 160 s). The same holds for 1 x 512 and 2 x 512: 5,000 and
    1,950 steps on the chorales end at 1.018 and 1.068.

    They are also more for two layers with attention. Source code is at 1.184 nats after 430 steps of 2 x 512, and at
    1.021 in the same time with 1 x 512; jsb16 at 0.396 after 1,576, and at 0.383 in 1.2 times the time with 1 x 512.
    """
    has_attention = model.num_layers > 1 and model.attention > 0
    return size.min_steps * max(1.0, math.log10(vocabulary_size) - 0.8) * (2 if has_attention else 1)


def _with_size(options: ModelOptions, size: Size, vocabulary_size: int, repeated: float) -> ModelConfig:
    """Return the model options with all that depend on the size."""
    tie_weights = options.tie_weights
    if tie_weights is None:
        tie_weights = vocabulary_size >= TIED_VOCABULARY and options.embedding_size is None
    tied_size = options.embedding_size if tie_weights and options.projection_size is None else None
    num_layers = options.num_layers or size.num_layers
    is_chosen = options.num_layers is None and options.hidden_size is None  # otherwise the user designs the network
    hidden_size = options.hidden_size or tied_size or size.hidden_size
    return options.completed(
        ModelConfig,
        num_layers=num_layers,
        hidden_size=hidden_size,
        embedding_size=options.projection_size or hidden_size if tie_weights else EMBEDDING_SIZE,
        tie_weights=tie_weights,
        attention=ATTENTION if is_chosen and (num_layers == 1 or repeated >= REPETITIVE) else 0,
        residual=num_layers > 1,
        layer_norm=num_layers > 1,
    )
