"""How a run begins: anew from options, or again from where it was stopped."""

import math
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from seqgen.cells import cell_class
from seqgen.checkpoint import LAST, Checkpoint, find, read_bytes
from seqgen.config import BUDGETS, BudgetConfig, FoldersConfig, TrainConfig
from seqgen.config_file import Resolved, to_toml
from seqgen.corpus.reading import counted
from seqgen.errors import CheckpointError, UsageError
from seqgen.model.hardware import resolve_device
from seqgen.model.language_model import LanguageModel
from seqgen.options import flag, parse_time
from seqgen.training.compilation import compile_kernels
from seqgen.training.distributed import ALONE, World
from seqgen.training.figures import Figures
from seqgen.training.fine_tuning import inherited, without_inherited
from seqgen.training.launch import launch_name
from seqgen.training.loop import Trainer, initial_model
from seqgen.training.preparation import Say, prepare, prepare_again
from seqgen.training.recipe import resolve
from seqgen.training.repetition import repeated
from seqgen.training.run import Run, refuse_taken


def start(
    requested: TrainConfig,
    name: str | None,
    folders: FoldersConfig,
    say: Say,
    *,
    overwrite: bool,
    given: Collection[str] = (),
    earlier: Resolved | None = None,
    world: World = ALONE,
    is_sampled: bool = False,
) -> Trainer:
    """Return a trainer before its first step.

    Args:
        requested: the options.
        name: the run's name; None makes one.
        folders: where runs and prepared corpora are kept.
        say: takes sentences for the user.
        overwrite: whether a run of this name may be replaced.
        given: the options that are the user's own word, though they may be what they are by default.
        earlier: the run whose configuration file was given.
        world: the processes that train together.
        is_sampled: whether samples are shown while it trains.

    Raises:
        SeqgenError: an option, the corpus or a folder is not as it must be; nothing is left behind.
    """
    checkpoints_dir = Path(folders.checkpoints_dir)
    if world.is_first:
        refuse_taken(checkpoints_dir, name, overwrite=overwrite)
    world.check_device(resolve_device(requested.machine.device))  # refused before a long reading, not after
    cell_class(requested.model.cell).check_projection(requested.model.cell, requested.model.projection_size)
    parent = None
    if requested.model.from_ is not None:
        parent = _read(lambda: find(str(requested.model.from_), checkpoints_dir), world)
        requested = inherited(requested, parent, given)
    store = prepare(requested.corpus, parent, folders, say, world)
    _tell_of_vocabulary(requested.corpus.vocabulary_size, store.level.vocabulary_size, say)
    compile_kernels(requested.model, store.level, requested.machine, is_sampled=is_sampled)
    started = time.perf_counter()
    kept = repeated(requested, earlier, store.fingerprint, say) if earlier else requested
    config, reasons = resolve(kept, store, world)
    if config.budget.time is not None:
        _refuse_too_short(config.budget.time, *world.agreed(time.perf_counter() - started))
    for reason in reasons:
        say(reason)
    run = _told(lambda: Run.create(checkpoints_dir, name, config.corpus.corpus, say, overwrite=overwrite), world, say)
    with _released_on_failure(run):
        if world.is_first:
            run.write_config(to_toml(without_inherited(requested), Resolved(store.fingerprint, config)))
        model = initial_model(config, store).to(config.machine.device)
        trainer = Trainer(model, store, requested, config, run, started, world)
        if parent is not None:
            trainer.begin_from(parent)
    return trainer


def resume(
    name: str,
    budget: BudgetConfig | None,
    device: str | None,
    folders: FoldersConfig,
    say: Say,
    world: World = ALONE,
    *,
    is_sampled: bool = False,
    moved: Mapping[str, Any] = MappingProxyType({}),
) -> Trainer | None:
    """Return a trainer that goes on exactly where the run was stopped, or None if the run is finished.

    Args:
        name: the run's name.
        budget: a larger budget, if one is given.
        device: another device, if one is given.
        folders: where runs and prepared corpora are kept.
        say: takes sentences for the user.
        world: the processes that train together; they need not be as many as before.
        is_sampled: whether samples are shown while it trains.
        moved: where `corpus` and `valid` are now, if they are not where the run began with them.

    Raises:
        SeqgenError: there is no such run, its state is damaged, the budget is not larger, or the corpus has changed.
    """
    checkpoints_dir = Path(folders.checkpoints_dir)
    run = _told(lambda: Run.existing(checkpoints_dir, name, say), world, say)
    with _released_on_failure(run):
        trainer = _resumed(run, budget, device, folders, say, world, is_sampled=is_sampled, moved=moved)
    if trainer is None:
        run.release()
    return trainer


def _resumed(
    run: Run,
    budget: BudgetConfig | None,
    device: str | None,
    folders: FoldersConfig,
    say: Say,
    world: World,
    *,
    is_sampled: bool,
    moved: Mapping[str, Any],
) -> Trainer | None:
    checkpoint = _read(lambda: run.folder / LAST, world)
    checkpoint = _with_sources(checkpoint, moved)
    before = Figures.from_json(checkpoint.figures)
    _check_state(checkpoint, run.folder / LAST)
    if budget is not None and not (world.is_restarted and before.launch == launch_name()):  # else it has it already
        checkpoint = _with_budget(checkpoint, budget)
    elif before.is_finished:
        return None
    machine = replace(checkpoint.config.machine, device=resolve_device(device or checkpoint.config.machine.device))
    world.check_device(machine.device)
    world.check_alike(machine)
    world.check_streams(checkpoint.config.optimization.batch_size)
    config = replace(checkpoint.config, machine=machine)
    store = prepare_again(checkpoint, run.name, folders, say, world, is_moved=bool(moved))
    compile_kernels(config.model, store.level, config.machine, is_sampled=is_sampled)
    model = LanguageModel(config.model, store.level.vocabulary_size).to(config.machine.device)
    if world.is_first:
        run.write_config(to_toml(without_inherited(checkpoint.requested), Resolved(store.fingerprint, config)))
    trainer = Trainer(model, store, checkpoint.requested, config, run, time.perf_counter(), world)
    trainer.restore(checkpoint)
    if before.processes != world.size:
        say(
            f"using {world.size} process{'es' if world.size > 1 else ''} instead of {before.processes}: the result "
            "agrees with that of an uninterrupted run within rounding, not bit for bit"
        )
    return trainer


@contextmanager
def _released_on_failure(run: Run) -> Iterator[None]:
    """Let others train the run if it does not begin here after all."""
    try:
        yield
    except BaseException:
        run.release()
        raise


def begun_before(folders: FoldersConfig, world: World) -> str | None:
    """Return the run that these processes began before one of them was killed, or None where it came to none."""

    def find_name() -> bytes:
        files = Path(folders.checkpoints_dir).glob(f"*/{LAST}")
        for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True):
            with suppress(CheckpointError):  # of other runs
                if Figures.from_json(Checkpoint.read(path).figures).launch == launch_name():
                    return path.parent.name.encode()
        return b""

    return world.told(find_name).decode() or None


def _read(find_file: Callable[[], Path], world: World) -> Checkpoint:
    """Return a checkpoint that only the first process can be sure to find."""
    path = find_file() if world.is_first else Path()
    return Checkpoint.of(world.told(lambda: read_bytes(path)), path)


def _told(make: Callable[[], Run], world: World, say: Say) -> Run:
    """Return the run that the first process makes or finds, and that it alone writes to."""
    run = make() if world.is_first else None
    folder = world.told(lambda: os.fsencode(run.folder if run else ""))
    return run or Run(Path(os.fsdecode(folder)), say)


def _tell_of_vocabulary(wanted: int | None, size: int, say: Say) -> None:
    if wanted is not None and size > wanted:
        say(f"the vocabulary has {size:,} tokens: this text needs more than --vocabulary-size {wanted:,}")
    elif wanted is not None and size < wanted:
        say(f"the vocabulary has {counted(size, 'token')}: this text yields fewer than --vocabulary-size {wanted:,}")


def _refuse_too_short(budget: str, elapsed: float) -> None:
    """Refuse a time that is over before the first step.

    Raises:
        UsageError: it is.
    """
    if elapsed >= parse_time(budget):
        raise UsageError(
            f"--time {budget} is too short for one step: choosing a model took {elapsed:.1f} s; give "
            f"--time {math.ceil(4 * elapsed)}s or more"
        )


def _check_state(checkpoint: Checkpoint, path: Path) -> None:
    """Refuse a state that is none, before memory is taken for what it says it is of.

    Raises:
        CheckpointError: it is none.
    """
    checkpoint.model()
    num_streams = {tuple(part.shape[:1]) for name, part in checkpoint.training.items() if name.startswith("hidden.")}
    if not checkpoint.config.is_resolved or num_streams != {(checkpoint.config.optimization.batch_size,)}:
        raise CheckpointError(f"{path} holds a model, but no training state to resume from")


def _with_sources(checkpoint: Checkpoint, moved: Mapping[str, Any]) -> Checkpoint:
    """Return the checkpoint with its corpus where it is now."""
    requested, config = (
        replace(options, corpus=replace(options.corpus, **moved))
        for options in (checkpoint.requested, checkpoint.config)
    )
    return replace(checkpoint, requested=requested, config=config)


def _with_budget(checkpoint: Checkpoint, larger: BudgetConfig) -> Checkpoint:
    """Return the checkpoint with its budget raised.

    Raises:
        UsageError: the budget is of another kind, or not larger.
    """
    before = checkpoint.config.budget
    kind = next(kind for kind in BUDGETS if getattr(before, kind) is not None)
    old, new = getattr(before, kind), getattr(larger, kind)
    if new is None:
        raise UsageError(f"the budget of this run is {flag(kind)} {old}: give a larger {flag(kind)}")
    if (parse_time(new) <= parse_time(old)) if kind == "time" else (new <= old):
        raise UsageError(f"{flag(kind)} must be above the run's {old}, got {new}")
    raised = replace(before, **{kind: new})
    return replace(
        checkpoint,
        requested=replace(checkpoint.requested, budget=replace(checkpoint.requested.budget, **{kind: new})),
        config=replace(checkpoint.config, budget=raised),
        figures=checkpoint.figures | {"validations_since_best": 0},
    )
