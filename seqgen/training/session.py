"""How a run begins: anew from options, or again from where it was stopped."""

import math
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch

from seqgen.cells import cell_class
from seqgen.checkpoint import LAST, Checkpoint, find
from seqgen.config import BUDGETS, BudgetConfig, CorpusConfig, FoldersConfig, TrainConfig, flag, parse_time
from seqgen.corpus.plan import Plan
from seqgen.corpus.sources import STANDARD_INPUT
from seqgen.corpus.store import Store
from seqgen.errors import CheckpointError, CorpusError, UsageError
from seqgen.model.hardware import resolve_device
from seqgen.model.language_model import LanguageModel
from seqgen.process import release_memory
from seqgen.training.fine_tuning import inherited
from seqgen.training.loop import Trainer
from seqgen.training.recipe import resolve
from seqgen.training.run import Run, refuse_taken


class Say(Protocol):
    """Takes sentences for the user."""

    def __call__(self, text: str, *, is_detail: bool = False) -> None:
        """Take one; a detail is for those who ask for more."""


def start(
    requested: TrainConfig,
    name: str | None,
    folders: FoldersConfig,
    say: Say,
    *,
    overwrite: bool,
    given: Collection[str] = (),
) -> Trainer:
    """Return a trainer before its first step.

    Args:
        requested: the options.
        name: the run's name; None makes one.
        folders: where runs and prepared corpora are kept.
        say: takes sentences for the user.
        overwrite: whether a run of this name may be replaced.
        given: the options that are the user's own word, though they may be what they are by default.

    Raises:
        SeqgenError: an option, the corpus or a folder is not as it must be; nothing is left behind.
    """
    checkpoints_dir = Path(folders.checkpoints_dir)
    refuse_taken(checkpoints_dir, name, overwrite=overwrite)
    resolve_device(requested.machine.device)  # refused before a long reading, not after
    cell_class(requested.model.cell).check_projection(requested.model.cell, requested.model.projection_size)
    parent = None
    if requested.model.from_ is not None:
        parent = Checkpoint.read(find(requested.model.from_, checkpoints_dir))
        requested = inherited(requested, parent, given)
    store = _prepare(_plan(requested.corpus, folders, parent), folders, say)
    wanted, size = requested.corpus.vocabulary_size, store.level.vocabulary_size
    if wanted is not None and size > wanted:
        say(f"the vocabulary has {size} tokens: --vocabulary-size {wanted} is less than this text needs")
    elif wanted is not None and size < wanted:
        say(f"the vocabulary has {size} tokens: this text does not yield the {wanted} of --vocabulary-size")
    started = time.perf_counter()
    config, reasons = resolve(requested, store)
    if config.budget.time is not None:
        _refuse_too_short(config.budget.time, time.perf_counter() - started)
    for reason in reasons:
        say(reason)
    model = LanguageModel(config.model, store.level.vocabulary_size)
    model.initialise(torch.Generator().manual_seed(config.machine.seed), torch.from_numpy(store.train.counts))
    run = Run.create(checkpoints_dir, name, config.corpus.corpus, overwrite=overwrite)
    run.write_config(config)
    trainer = Trainer(model.to(config.machine.device), store, requested, config, run, started)
    if parent is not None:
        trainer.begin_from(parent)
    return trainer


def resume(
    name: str, budget: BudgetConfig | None, device: str | None, folders: FoldersConfig, say: Say
) -> Trainer | None:
    """Return a trainer that goes on exactly where the run was stopped, or None if the run is finished.

    Args:
        name: the run's name.
        budget: a larger budget, if one is given.
        device: another device, if one is given.
        folders: where runs and prepared corpora are kept.
        say: takes sentences for the user.

    Raises:
        SeqgenError: there is no such run, its state is damaged, the budget is not larger, or the corpus has changed.
    """
    run = Run.existing(Path(folders.checkpoints_dir), name)
    checkpoint = run.read_last()
    if budget is not None:
        checkpoint = _with_budget(checkpoint, budget)
    elif checkpoint.figures["is_finished"]:
        return None
    if not any(name.startswith("weights.") for name in checkpoint.training):
        raise CheckpointError(f"{run.folder / LAST} holds a model, but not the state of a training to go on from")
    machine = replace(checkpoint.config.machine, device=resolve_device(device or checkpoint.config.machine.device))
    config = replace(checkpoint.config, machine=machine)
    store = _prepare_again(checkpoint, name, folders, say)
    model = LanguageModel(config.model, store.level.vocabulary_size).to(config.machine.device)
    run.write_config(config)
    trainer = Trainer(model, store, checkpoint.requested, config, run, time.perf_counter())
    trainer.restore(checkpoint)
    return trainer


def _prepare(plan: Plan, folders: FoldersConfig, say: Say) -> Store:
    for note in plan.summary:
        say(note)
    for detail in plan.details:
        say(detail, is_detail=True)
    store = Store.prepare(plan, Path(folders.data_dir))
    release_memory()
    return store.varied(store.level.variants(plan.config))


def _refuse_too_short(budget: str, elapsed: float) -> None:
    """Refuse a time that is over before the first step.

    Raises:
        UsageError: it is.
    """
    if elapsed >= parse_time(budget):
        raise UsageError(
            f"--time {budget} is too short for one step: choosing a model has taken {elapsed:.1f} s already; give "
            f"--time {math.ceil(4 * elapsed)}s or more"
        )


def _plan(config: CorpusConfig, folders: FoldersConfig, parent: Checkpoint | None) -> Plan:
    """Return the plan of a corpus, with the vocabulary of the run to begin with if there is one."""
    return Plan.of(config, folders.parsed, None if parent is None else parent.level)


def _prepare_again(checkpoint: Checkpoint, name: str, folders: FoldersConfig, say: Say) -> Store:
    """Return the corpus of a run, which must be the one it began with."""
    config = checkpoint.requested.corpus
    if STANDARD_INPUT in (*config.corpus, config.valid):
        return Store.kept(Path(folders.data_dir), checkpoint.fingerprint)
    plan = _plan(config, folders, checkpoint if checkpoint.requested.model.from_ is not None else None)
    if plan.fingerprint != checkpoint.fingerprint:
        raise CorpusError(
            f"the corpus {', '.join(config.corpus)} has changed since the run {name!r} began (fingerprint "
            f"{checkpoint.fingerprint} then, {plan.fingerprint} now): bring the old one back, or start a new run"
        )
    return _prepare(plan, folders, say)


def _with_budget(checkpoint: Checkpoint, larger: BudgetConfig) -> Checkpoint:
    """Return the checkpoint with its budget raised.

    Raises:
        UsageError: the budget is of another kind, or not larger.
    """
    before = checkpoint.config.budget
    kind = next(kind for kind in BUDGETS if getattr(before, kind) is not None)
    old, new = getattr(before, kind), getattr(larger, kind)
    if new is None:
        raise UsageError(f"this run is measured by {flag(kind)} {old}: give a larger {flag(kind)}")
    if (parse_time(new) <= parse_time(old)) if kind == "time" else (new <= old):
        raise UsageError(f"{flag(kind)} must be above the {old} that the run had, got {new}")
    raised = replace(before, **{kind: new})
    return replace(
        checkpoint,
        requested=replace(checkpoint.requested, budget=replace(checkpoint.requested.budget, **{kind: new})),
        config=replace(checkpoint.config, budget=raised),
        figures=checkpoint.figures | {"validations_since_best": 0},
    )
