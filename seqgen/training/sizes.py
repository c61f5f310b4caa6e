"""Sizes of a network and its learning rate."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from seqgen.config import ModelConfig, ModelOptions

EMBEDDING_SIZE = 64  # enough for an alphabet; sizes that are not a multiple of 16 halve the speed
# Vocabulary size from which embedding and output weights are tied. Words of Python's documentation after 500 steps:
# 3.23 nats per word tied, 3.30 untied; words of its source code after 600 steps: 2.65 and 2.68.
TIED_VOCABULARY = 2000
# Tokens to which a single layer attends; nats with attention and without, or per note. In the same time on one core
# (130 to 150 s of 1 x 512): source code 1.158 and 1.260, plays 1.445 and 1.447, documentation 1.097 and 1.099. After as
# many steps of 1 x 256, which take twice the time: source code 1.196 and 1.370 (600 steps), tunes 1.189 and 1.245 (240
# steps, medians of three seeds). Two layers overfit: plays 1.426 and 1.411 (1,300 and 1,560 steps of 2 x 512).
ATTENTION = 256
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
    """A network, its learning rate, and the steps up to which it is better than the next larger network on text."""

    num_layers: int
    hidden_size: int
    learning_rate: float
    max_steps: float


SIZES = (
    Size(num_layers=1, hidden_size=256, learning_rate=6e-3, max_steps=800),
    Size(num_layers=1, hidden_size=512, learning_rate=5e-3, max_steps=3000),
    Size(num_layers=2, hidden_size=512, learning_rate=3e-3, max_steps=math.inf),
)


def choose_size(
    options: ModelOptions, vocabulary_size: int, num_steps: Callable[[ModelConfig], float]
) -> tuple[ModelConfig, float]:
    """Choose the largest network for which the budget has enough steps.

    Args:
        options: the model options; all that the recipe chooses may be open, except the cutoff of the softmax.
        vocabulary_size: the number of token ids.
        num_steps: returns the number of steps that the budget allows for a network.

    Returns:
        The model options with all sizes, and the number of steps.
    """
    are_given = options.num_layers is not None and options.hidden_size is not None
    for size in SIZES:
        model = _with_size(options, size, vocabulary_size)
        steps = num_steps(model)
        if steps <= size.max_steps * _slowness(vocabulary_size) or are_given:
            break
    return model, steps


def choose_learning_rate(model: ModelConfig, steps_per_epoch: int) -> float:
    """Return the learning rate of the nearest size by units, reduced for small corpora and for fine-tuning."""
    units = model.num_layers * model.hidden_size
    nearest = min(SIZES, key=lambda size: abs(math.log(size.num_layers * size.hidden_size / units)))
    factor = min(1.0, steps_per_epoch / GENTLE_STEPS) ** 1.5
    if model.from_ is not None:
        factor = FINE_TUNING * math.sqrt(min(1.0, steps_per_epoch / GENTLE_TUNING_STEPS))
    return float(f"{nearest.learning_rate * factor:.2g}")


def _slowness(vocabulary_size: int) -> float:
    """Return the number of steps after which a larger network is better, as a multiple of that for an alphabet.

    1 x 256 and 1 x 512 are equal after 900 steps of the smaller network with 70 to 100 tokens (plays: 1.495 and 1.494
    nats after 40 s), not yet after 1,200 steps with 440 tokens (chorales: 1.248 and 1.313 after 40 s, 1.204 and 1.212
    after 80 s; tunes: 1.076 and 1.123 after 40 s), and after about 2,500 steps with 8,400 tokens (words: 3.426 and
    3.643 after 80 s, 3.335 and 3.471 after 160 s). The same holds for 1 x 512 and 2 x 512: 5,000 and 1,950 steps on the
    chorales end at 1.018 and 1.068.
    """
    return max(1.0, math.log10(vocabulary_size) - 0.8)


def _with_size(options: ModelOptions, size: Size, vocabulary_size: int) -> ModelConfig:
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
        attention=ATTENTION if is_chosen and num_layers == 1 else 0,
        residual=num_layers > 1,
        layer_norm=num_layers > 1,
    )
