"""The corpus of a run, which the processes of each machine prepare together."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from seqgen.checkpoint import Checkpoint
from seqgen.config import CorpusConfig, FoldersConfig
from seqgen.corpus.crew import ALONE
from seqgen.corpus.plan import Plan, read_music
from seqgen.corpus.reading import counted
from seqgen.corpus.sources import STANDARD_INPUT, is_stream
from seqgen.corpus.store import Store, prepared
from seqgen.errors import CorpusError
from seqgen.levels.base import TextLevel
from seqgen.process import release_memory
from seqgen.training.distributed import World

_NUM_EXAMPLES = 8


class Say(Protocol):
    """Takes sentences for the user."""

    def __call__(self, text: str, *, is_detail: bool = False) -> None:
        """Take one; a detail is for those who ask for more."""


def prepare(config: CorpusConfig, parent: Checkpoint | None, folders: FoldersConfig, say: Say, world: World) -> Store:
    """Return the corpus of a new run.

    Args:
        config: what it is.
        parent: the run to begin with, whose vocabulary it takes.
        folders: where prepared corpora are kept.
        say: takes sentences for the user.
        world: the processes that train together.

    Raises:
        CorpusError: it cannot be read, is too little, or another machine has another one.
    """
    store = _prepare(lambda: _plan(config, folders, parent), config, folders, say, world)
    if parent is not None and world.is_first:
        _report_lacking(store, say)
    return store


def prepare_again(
    checkpoint: Checkpoint, name: str, folders: FoldersConfig, say: Say, world: World, *, is_moved: bool = False
) -> Store:
    """Return the corpus of a run that is resumed.

    Args:
        checkpoint: its requested options name the sources.
        name: the run's name.
        folders: where prepared corpora are kept.
        say: takes sentences for the user.
        world: the processes that train together.
        is_moved: whether the sources are not those that the run began with, so that they have to be read.

    Raises:
        CorpusError: it is not the one that the run began with.
    """
    config = checkpoint.requested.corpus
    if STANDARD_INPUT in (*config.corpus, config.valid) and not is_moved:
        store = Store.kept(Path(folders.data_dir), checkpoint.fingerprint) if world.local.is_first else None
        return _shared(store, config, folders, world)
    sources, same = ", ".join(config.corpus), f"--resume {name} --corpus PATH"

    def plan_again() -> Plan:
        try:
            plan = _plan(config, folders, checkpoint if checkpoint.requested.model.from_ is not None else None)
        except CorpusError as error:
            raise CorpusError(
                f"the corpus of the run {name!r} cannot be read: {error}; if it has moved, go on with {same}"
            ) from error
        if plan.fingerprint != checkpoint.fingerprint:
            raise CorpusError(
                f"the corpus {sources} has changed since the run {name!r} began, or is another one (fingerprint "
                f"{checkpoint.fingerprint} then, {plan.fingerprint} now): go on with the same text, from another place "
                f"by {same}, or begin a new run on this text by --corpus {sources} --from {name}"
            )
        return plan

    return _prepare(plan_again, config, folders, say, world)


def _prepare(make: Callable[[], Plan], config: CorpusConfig, folders: FoldersConfig, say: Say, world: World) -> Store:
    """Let the processes of each machine read music together and encode text together, which is what takes long."""
    store, crew = None, world.local
    is_read_once = any(map(is_stream, (*config.corpus, config.valid or "")))
    if crew.size > 1 and (is_read_once or read_music(config, folders.parsed, crew)):
        crew = ALONE
    if crew.size > 1 or world.local.is_first:
        plan = make()
        for note in (*plan.summary, *plan.division):
            say(note)
        for detail in plan.details:
            say(detail, is_detail=True)
        store = Store.prepare(plan, Path(folders.data_dir), crew)
        release_memory()
    return _shared(store, config, folders, world)


def _shared(store: Store | None, config: CorpusConfig, folders: FoldersConfig, world: World) -> Store:
    world.wait()  # for the first process of each machine
    own = store.fingerprint if store else ""
    fingerprint = world.told(own.encode).decode()
    store = store or Store.open(prepared(Path(folders.data_dir), fingerprint))
    if store.fingerprint != fingerprint:
        raise CorpusError(
            f"process {world.rank} has another corpus than the first (fingerprint {store.fingerprint}, not "
            f"{fingerprint}): give every machine the same files"
        )
    return store.varied(store.level.variants(config))


def _plan(config: CorpusConfig, folders: FoldersConfig, parent: Checkpoint | None) -> Plan:
    """Return the plan of a corpus, with the vocabulary of the run to begin with if there is one."""
    return Plan.of(config, folders.parsed, None if parent is None else parent.level)


def _report_lacking(store: Store, say: Say) -> None:
    """Say which characters of the corpus the vocabulary lacks: no weights of the other run know them."""
    if not isinstance(store.level, TextLevel):
        return
    lacking = store.level.spelled_out(store.train.ids) + store.level.spelled_out(store.valid.ids)
    if lacking:
        times, size = lacking.total(), sum(part.extent["characters"] for part in (store.train, store.valid))
        examples = ", ".join(repr(character) for character, _ in lacking.most_common(_NUM_EXAMPLES))
        say(
            f"--from keeps a vocabulary that lacks {counted(len(lacking), 'character')} of this corpus "
            f"({counted(times, 'occurrence')}, {times / size:.2%} of the text), each of which takes several tokens: "
            f"{examples}{' and others' if len(lacking) > _NUM_EXAMPLES else ''}"
        )
