"""`seqgen train --seeds`: several runs one after the other."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from seqgen.cli import display
from seqgen.cli.training import run_training
from seqgen.config import BUDGETS, FoldersConfig, TrainOptions
from seqgen.config.bounds import NUM_SEEDS
from seqgen.errors import UsageError
from seqgen.options import flag
from seqgen.training.launch import is_one_of_many

if TYPE_CHECKING:
    from seqgen.config_file import Resolved
    from seqgen.training.loop import Trainer
    from seqgen.training.series import Series

_MAX = 1000


def count_of_seeds(seeds: str, given: set[str], sources: Sequence[str], first: int, *, is_resumed: bool) -> int:
    """Return the number of runs of `--seeds`.

    Args:
        seeds: the value of the option.
        given: the names of the options on the command line.
        sources: of the corpus.
        first: the first seed.
        is_resumed: whether the runs are resumed.

    Raises:
        UsageError: it is not a number in range, or cannot be combined with the other options.
    """
    if not re.fullmatch("[0-9]{1,4}", seeds) or not 1 < int(seeds) <= _MAX:
        raise UsageError(
            f"--seeds must be a whole number in [2, {_MAX}], got {seeds!r}; --seed N chooses a single seed"
        )
    if "processes" in given or is_one_of_many():
        raise UsageError("--seeds trains with a single process: omit --processes and torchrun, or train seed by seed")
    if is_resumed and (unfit := sorted(given & {*BUDGETS, "corpus", "valid"})):
        raise UsageError(f"{flag(unfit[0])} cannot be combined with --resume and --seeds: resume each run by its name")
    if "-" in sources:
        raise UsageError("--seeds reads the corpus once per run, but standard input can be read only once: use a file")
    if first + int(seeds) > NUM_SEEDS:
        raise UsageError(f"--seed plus --seeds must be at most {NUM_SEEDS}, got {first} and {seeds}")
    return int(seeds)


def train_series(
    series: "Series",
    folders: FoldersConfig,
    start: "Callable[[str, TrainOptions, Resolved | None], Trainer]",
    resume: "Callable[[str], Trainer | None]",
    *,
    quiet: bool,
    verbose: bool,
) -> None:
    """Train the runs of a series that are not finished, and print the mean and the spread of all losses.

    Args:
        series: the runs.
        folders: where runs and prepared corpora are stored.
        start: returns the trainer of a new run, given its name, its options and those of the first run.
        resume: returns the trainer of an existing run; None if it is finished.
        quiet: whether to print errors only.
        verbose: whether to print more details.

    Raises:
        Exit: training was interrupted.
    """
    from seqgen.training.series import summary

    resumption = f"--resume {series.name} --seeds {len(series.seeds)}"
    for number, seed in enumerate(series.seeds, 1):
        run = series.run_name(seed)
        display.note(f"run {number} of {len(series.seeds)}: {run}")
        trainer = resume(run) if series.is_begun(seed) else start(run, *series.options(seed))
        if trainer is not None:
            run_training(trainer, folders, quiet=quiet, verbose=verbose, resumption=resumption)
    results = series.results()
    rows = [[each.name, str(each.seed), f"{each.step:,}", f"{each.nats:.4f}"] for each in results]
    display.show_table(["", "seed", "best step", "nats per token"], rows)
    display.results().print(f"best validation loss of {len(results)} seeds: {summary(results)} nats per token")
