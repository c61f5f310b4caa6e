"""Starts a run from options, or resumes one from its last saved state."""

import math
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from seqgen.cells import cell_class
from seqgen.checkpoint import Checkpoint, read_bytes
from seqgen.config import BudgetConfig, FoldersConfig, TrainOptions
from seqgen.config_file import Resolved, to_toml
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.errors import CheckpointError, UsageError
from seqgen.model.hardware import resolve_device
from seqgen.options import parse_time
from seqgen.runs import LAST, check_free, find
from seqgen.training.compilation import compile_kernels
from seqgen.training.distributed import ALONE, World
from seqgen.training.event_files import check_installed
from seqgen.training.figures import Figures
from seqgen.training.fine_tuning import inherited, without_inherited
from seqgen.training.initial_model import empty_model, initial_model
from seqgen.training.launch import launch_name
from seqgen.training.loop import Trainer
from seqgen.training.preparation import Say, prepare, prepare_again
from seqgen.training.recipe import check_given_options, resolve
from seqgen.training.repetition import repeated
from seqgen.training.resumption import check_state, with_budget, with_sources
from seqgen.training.run_folder import RunFolder
from seqgen.training.suggested_start import suggested_start
from seqgen.wording import counted


@dataclass(frozen=True)
class Session:
    """The process group and the folders in which runs are started and resumed.

    Attributes:
        folders: where runs and prepared corpora are stored.
        say: receives messages for the user.
        world: the processes that train together.
        is_sampled: whether samples are shown during training, so that their kernels are compiled in advance.
        log_to: the program for which figures are also written, see `LoggingConfig`.
    """

    folders: FoldersConfig
    say: Say
    world: World = ALONE
    is_sampled: bool = False
    log_to: str | None = None

    def __post_init__(self) -> None:
        """Reject a program that is not installed."""
        check_installed(self.log_to)

    def start(
        self,
        requested: TrainOptions,
        name: str | None = None,
        *,
        overwrite: bool = False,
        given: Collection[str] = (),
        earlier: Resolved | None = None,
    ) -> Trainer:
        """Return the trainer of a new run, before its first step.

        Args:
            requested: the options.
            name: the run's name; None makes one from the corpus.
            overwrite: whether an existing run of this name may be replaced.
            given: the options that the user set explicitly, even if to their defaults.
            earlier: the run whose configuration file was given.

        Raises:
            SeqgenError: an option, the corpus or a folder is invalid; nothing is left behind.
        """
        world = self.world.dividing(requested.corpus.corpus_share)
        if world.is_first:
            check_free(self._runs, name, overwrite=overwrite)
        check_given_options(requested)  # before the corpus is read
        world.check_device(resolve_device(requested.machine.device))
        cell_class(requested.model.cell).check_projection(requested.model.cell, requested.model.projection_size)
        if requested.corpus.corpus_share and requested.model.from_ is not None:
            raise UsageError("--from cannot be combined with --corpus-share: train a new model, or omit --corpus-share")
        parent = None
        if (origin := requested.model.from_) is not None:
            parent = self._read(lambda: find(origin, self._runs))
            requested = inherited(requested, parent, given)
        corpus = prepare(requested.corpus, parent, self.folders, self.say, world)
        _report_vocabulary(requested.corpus.vocabulary_size, corpus.level.vocabulary_size, self.say)
        self._compile_kernels(requested, corpus)
        started = time.perf_counter()
        repeated_options = repeated(requested, earlier, corpus.fingerprint, self.say) if earlier else requested
        config, reasons = resolve(repeated_options, corpus, world)
        corpus = corpus.adapted(config.corpus)
        if config.budget.time is not None:
            _refuse_too_short(config.budget.time, *world.agreed(time.perf_counter() - started))
        for reason in reasons:
            self.say(reason)
        if world.is_first and (suggestion := suggested_start(requested, corpus)):
            self.say(suggestion)
        run = self._run(lambda: RunFolder.create(self._runs, name, config.corpus.corpus, self.say, overwrite=overwrite))
        with _released_on_failure(run):
            if world.is_first:
                run.write_config(to_toml(without_inherited(requested), Resolved(corpus.fingerprint, config)))
            model = initial_model(config.model, corpus, config.machine.seed).to(config.machine.device)
            trainer = Trainer(model, corpus, requested, config, run, started, world)
            if parent is not None:
                trainer.begin_from(parent)
        return trainer

    def resume(
        self,
        name: str,
        *,
        budget: BudgetConfig | None = None,
        device: str | None = None,
        moved: Mapping[str, Any] = MappingProxyType({}),
    ) -> Trainer | None:
        """Return a trainer that continues exactly from the last saved state; None if the run is finished.

        Args:
            name: the run's name.
            budget: a larger budget.
            device: another device.
            moved: `corpus` and `valid`, if they have moved since the run was started.

        Raises:
            SeqgenError: the run does not exist, its state is damaged, the budget is not larger, or the corpus has
                changed.
        """
        run = self._run(lambda: RunFolder.existing(self._runs, name, self.say))
        with _released_on_failure(run):
            trainer = self._resumed(run, budget, device, moved)
        if trainer is None:
            run.release()
        return trainer

    def _resumed(
        self, run: RunFolder, budget: BudgetConfig | None, device: str | None, moved: Mapping[str, Any]
    ) -> Trainer | None:
        checkpoint = with_sources(self._read(lambda: run.folder / LAST), moved)
        world = self.world.dividing(checkpoint.requested.corpus.corpus_share)
        before = Figures.from_json(checkpoint.figures)
        check_state(checkpoint, run.folder / LAST)
        if checkpoint.requested.corpus.corpus_share and before.machines != world.machines:
            raise UsageError(
                f"the run {run.name!r} with --corpus-share was started on {counted(before.machines, 'machine')}, got "
                f"{world.machines}: resume it on the same machines"
            )
        # After a restart of killed processes the run may have the larger budget already.
        if budget is not None and not (world.is_restarted and before.launch == launch_name()):
            checkpoint = with_budget(checkpoint, budget)
        elif before.is_finished:
            return None
        machine = replace(checkpoint.config.machine, device=resolve_device(device or checkpoint.config.machine.device))
        world.check_device(machine.device)
        world.check_alike(machine)
        world.check_streams(checkpoint.config.optimization.batch_size)
        config = replace(checkpoint.config, machine=machine)
        corpus = prepare_again(checkpoint, run.name, self.folders, self.say, world, is_moved=bool(moved))
        self._compile_kernels(config, corpus)
        corpus = corpus.adapted(config.corpus)
        model = empty_model(config.model, corpus).to(config.machine.device)
        if world.is_first:
            run.write_config(to_toml(without_inherited(checkpoint.requested), Resolved(corpus.fingerprint, config)))
        trainer = Trainer(model, corpus, checkpoint.requested, config, run, time.perf_counter(), world)
        trainer.restore(checkpoint)
        now, then = _counted(world.size, world.machines), _counted(before.processes, before.machines)
        if now != then:
            self.say(
                f"using {now} instead of {then}: the result agrees with that of an uninterrupted run within rounding, "
                "not bit for bit"
            )
        return trainer

    def unfinished_run(self) -> str | None:
        """Return the name of the run that this launch started before one of its processes was killed, if any."""

        def find_name() -> bytes:
            files = self._runs.glob(f"*/{LAST}")
            for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True):
                with suppress(CheckpointError):  # of other runs
                    if Figures.from_json(Checkpoint.read(path).figures).launch == launch_name():
                        return path.parent.name.encode()
            return b""

        return self.world.broadcast(find_name).decode() or None

    def _compile_kernels(self, options: TrainOptions, corpus: PreparedCorpus) -> None:
        is_sampled = self.is_sampled or corpus.given_coding is not None  # a validation of pairs writes an example
        compile_kernels(options.model, corpus.level, options.machine, is_sampled=is_sampled)

    @property
    def _runs(self) -> Path:
        return Path(self.folders.checkpoints_dir)

    def _read(self, find_file: Callable[[], Path]) -> Checkpoint:
        """Return a checkpoint, whose file only the first process needs to find."""
        path = find_file() if self.world.is_first else Path()
        return Checkpoint.of(self.world.broadcast(lambda: read_bytes(path)), path)

    def _run(self, make: Callable[[], RunFolder]) -> RunFolder:
        """Return the run that the first process creates or finds; only that process writes to it."""
        run = make() if self.world.is_first else None
        if run is not None and self.log_to is not None:
            run = run.with_events()
        folder = self.world.broadcast(lambda: os.fsencode(run.folder if run else ""))
        return run or RunFolder(Path(os.fsdecode(folder)), self.say)


@contextmanager
def _released_on_failure(run: RunFolder) -> Iterator[None]:
    """Release the run's lock if it cannot be started."""
    try:
        yield
    except BaseException:
        run.release()
        raise


def _report_vocabulary(requested: int | None, size: int, say: Say) -> None:
    if requested is not None and size > requested:
        say(f"the vocabulary has {size:,} tokens: this text needs more than --vocabulary-size {requested:,}")
    elif requested is not None and size < requested:
        say(f"the vocabulary has {counted(size, 'token')}: this text yields fewer than --vocabulary-size {requested:,}")


def _counted(processes: int, machines: int) -> str:
    return f"{processes} process{'es' if processes > 1 else ''}{f' on {machines} machines' if machines > 1 else ''}"


def _refuse_too_short(budget: str, elapsed: float) -> None:
    """Raise a UsageError if the time is over before the first step."""
    if elapsed >= parse_time(budget):
        raise UsageError(
            f"--time {budget} is too short for one step: choosing a model took {elapsed:.1f} s; give "
            f"--time {math.ceil(4 * elapsed)}s or more"
        )
