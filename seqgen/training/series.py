"""Runs that differ only in their random seeds, and the mean and spread of their losses."""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Self

from seqgen.checkpoint import Checkpoint
from seqgen.config import TrainOptions
from seqgen.config_file import Resolved
from seqgen.errors import CheckpointError, UsageError
from seqgen.runs import BEST, LAST, check_free, name_from, not_resumable
from seqgen.training.figures import Figures

_MIN_FOR_DEVIATION = 3  # runs: the standard deviation of two says no more than their range


class RunResult(NamedTuple):
    """The result of a run.

    Attributes:
        name: the run.
        seed: its random seed.
        step: of the best model.
        nats: the best validation loss, in nats per token.
    """

    name: str
    seed: int
    step: int
    nats: float


@dataclass(frozen=True)
class Series:
    """Runs that differ only in their seeds: NAME-seed1, NAME-seed2 and so on.

    Attributes:
        folder: that of all runs.
        name: the beginning of the names.
        requested: the options of the runs, with any seed.
        seeds: the seeds, in order.
        is_resumed: whether runs that exist belong to it; otherwise they are replaced.
    """

    folder: Path
    name: str
    requested: TrainOptions
    seeds: Sequence[int]
    is_resumed: bool = False

    @classmethod
    def new(
        cls, folder: Path, name: str | None, requested: TrainOptions, num_seeds: int, *, overwrite: bool = False
    ) -> Self:
        """Return a series that is about to begin.

        Args:
            folder: that of all runs.
            name: the beginning of the names; None makes one from the corpus.
            requested: the options, with the first seed.
            num_seeds: the number of runs.
            overwrite: whether existing runs may be replaced.

        Raises:
            UsageError: the name is invalid, or a run has one of the names.
        """
        name = name_from(requested.corpus.corpus) if name is None else name
        first = requested.machine.seed
        series = cls(folder, name, requested, range(first, first + num_seeds))
        for seed in series.seeds:
            check_free(folder, series.run_name(seed), overwrite=True)
            if (folder / series.run_name(seed) / LAST).is_file() and not overwrite:
                raise UsageError(
                    f"the run {series.run_name(seed)!r} already exists in {folder}: continue the series with --resume "
                    f"{name} --seeds {num_seeds}, replace it with --overwrite, or choose another --name"
                )
        return series

    @classmethod
    def existing(cls, folder: Path, name: str, num_seeds: int) -> Self:
        """Return a series that has been interrupted, or that gets more runs.

        Raises:
            CheckpointError: there is no run of this series.
        """
        pattern = re.compile(re.escape(name) + r"-seed(\d{1,10})")
        found = [pattern.fullmatch(path.parent.name) for path in folder.glob(f"*/{LAST}")]
        seeds = sorted(int(match[1]) for match in found if match)
        if not seeds:
            raise not_resumable(f"{name}-seed1", folder)
        first = cls(folder, name, TrainOptions(), range(seeds[0], seeds[0] + num_seeds), is_resumed=True)
        return replace(first, requested=first.checkpoint(seeds[0]).requested)

    def run_name(self, seed: int) -> str:
        """Return the name of the run with a seed."""
        return f"{self.name}-seed{seed}"

    def is_begun(self, seed: int) -> bool:
        """Return whether the run with a seed is to be resumed."""
        return self.is_resumed and (self.folder / self.run_name(seed) / LAST).is_file()

    def checkpoint(self, seed: int) -> Checkpoint:
        """Return the newest state of the run with a seed."""
        return Checkpoint.read(self.folder / self.run_name(seed) / LAST)

    def options(self, seed: int) -> tuple[TrainOptions, Resolved | None]:
        """Return the options of the run with a seed, and those of the first run, whose choices hold for all runs."""
        options = replace(self.requested, machine=replace(self.requested.machine, seed=seed))
        if seed == self.seeds[0]:
            return options, None
        first = self.checkpoint(self.seeds[0])
        corpus = replace(options.corpus, transpose=first.config.corpus.transpose)
        return replace(options, corpus=corpus), Resolved(first.fingerprint, first.config)

    def results(self) -> list[RunResult]:
        """Return the results of all runs.

        Raises:
            CheckpointError: a run has no best model.
        """
        results = []
        for seed in self.seeds:
            figures = Figures.from_json(self.checkpoint(seed).figures)
            if figures.best_valid_nats is None or figures.best_step is None:
                raise CheckpointError(f"{self.run_name(seed)} has no {BEST}: its validation loss is unknown")
            results.append(RunResult(self.run_name(seed), seed, figures.best_step, figures.best_valid_nats))
        return results


def summary(results: Sequence[RunResult]) -> str:
    """Return the mean and the spread of the losses: the standard deviation, or the range of two runs."""
    losses = [result.nats for result in results]
    mean = f"mean {statistics.mean(losses):.4f}"
    if len(losses) < _MIN_FOR_DEVIATION:
        return f"{mean}, range {min(losses):.4f} to {max(losses):.4f}"
    return f"{mean}, standard deviation {statistics.stdev(losses):.4f}"
