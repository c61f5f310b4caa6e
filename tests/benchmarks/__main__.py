"""`python -m tests.benchmarks` prints the table."""

from seqgen.model.hardware import keep_freed_memory

keep_freed_memory()  # as `seqgen train` does, before torch allocates

from tests.benchmarks import commands, encoding, training  # noqa: E402
from tests.benchmarks.measure import row  # noqa: E402

row("what", "seqgen", "reference", None)
for benchmark in (commands, encoding, training):
    benchmark.main()
