"""The values that numbers may take."""

from seqgen.options import Interval

COUNT = Interval(1)
UNITS = Interval(1, 10_000_000)
LAYERS = Interval(1, 1_000)
ENCODER_LAYERS = Interval(0, 1_000)  # none unless texts are given something
WINDOW = Interval(1, 100_000)  # of a cache: time per token is proportional to it
POSITIVE = Interval(0, low_open=True)
NOT_NEGATIVE = Interval(0)
NUM_SEEDS = 2**31
SEED = Interval(0, NUM_SEEDS - 1)
DROP = Interval(0, 1, high_open=True)
FRACTION = Interval(0, 1, low_open=True, high_open=True)
SHARE = Interval(0, 1, low_open=True)
