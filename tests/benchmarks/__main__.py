"""`python -m tests.benchmarks` prints the table."""

from seqgen import process

process.settle(is_sampling=False)  # as `seqgen train` does, before torch allocates

from tests.benchmarks import (  # noqa: E402
    commands,
    corpus,
    endurance,
    levels,
    music,
    pairs,
    sampling,
    signals,
    training,
    writing,
)
from tests.benchmarks.measure import row  # noqa: E402

row("what", "seqgen", "reference", None)
for benchmark in (commands, corpus, training, sampling, writing, pairs, signals, levels, music, endurance):
    benchmark.main()
