"""Prepares the corpus of a run; the processes of each machine do it together."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from seqgen.checkpoint import Checkpoint
from seqgen.config import CorpusConfig, FoldersConfig
from seqgen.corpus.corpus import Corpus, parse_ahead
from seqgen.corpus.crew import ALONE
from seqgen.corpus.dataset import Dataset
from seqgen.corpus.prepared_corpus import PreparedCorpus, files_of_share, prepared_folder
from seqgen.corpus.shares import attempted, difference
from seqgen.corpus.sources import STANDARD_INPUT, is_stream
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.errors import CorpusError, UsageError
from seqgen.levels.base import Level, TextLevel
from seqgen.process import release_memory
from seqgen.training.distributed import World
from seqgen.wording import counted

_NUM_EXAMPLES = 8


class Say(Protocol):
    """Prints messages for the user."""

    def __call__(self, text: str, *, is_detail: bool = False) -> None:
        """Print a message; a detail only if the user asks for more."""


def prepare(
    config: CorpusConfig, parent: Checkpoint | None, folders: FoldersConfig, say: Say, world: World
) -> PreparedCorpus:
    """Return the corpus of a new run.

    Args:
        config: the sources and how they are read.
        parent: the run of `--from`, whose vocabulary is kept, and extended if possible.
        folders: where prepared corpora are kept.
        say: prints messages.
        world: the processes that train together.

    Raises:
        CorpusError: it cannot be read, is too small, or differs between machines.
        UsageError: with `--from`, the options of what texts are given differ from those of that run.
    """
    if parent is None:
        return _prepare(lambda: _read(config, folders, None, world), config, folders, say, world)
    _check_given(config, parent)
    corpus = _prepare(lambda: _extended(_read(config, folders, parent, world), parent), config, folders, say, world)
    if world.is_first:
        _report_new_characters(corpus.level, parent.level, say)
        _report_missing_characters(corpus, say)
    return corpus


def prepare_again(
    checkpoint: Checkpoint, name: str, folders: FoldersConfig, say: Say, world: World, *, is_moved: bool = False
) -> PreparedCorpus:
    """Return the corpus of a run that is resumed.

    Args:
        checkpoint: its requested options name the sources.
        name: the run's name.
        folders: where prepared corpora are kept.
        say: prints messages.
        world: the processes that train together.
        is_moved: whether the user has named other sources, which must then be read.

    Raises:
        CorpusError: it is not the corpus that the run began with.
    """
    config = checkpoint.requested.corpus
    if STANDARD_INPUT in (*config.corpus, config.valid) and not is_moved:
        corpus = None
        if world.local.is_first:
            corpus = PreparedCorpus.of_stream(Path(folders.data_dir), checkpoint.fingerprint)
        return _shared(corpus, folders, world)
    sources, same = ", ".join(config.corpus), f"--resume {name} --corpus PATH"

    def read_again() -> SplitCorpus:
        try:
            corpus = _read(config, folders, checkpoint if checkpoint.requested.model.from_ is not None else None, world)
        except CorpusError as error:
            raise CorpusError(
                f"the corpus of the run {name!r} cannot be read: {error}; if it has moved, use {same}"
            ) from error
        if corpus.fingerprint != checkpoint.fingerprint:
            attempted(
                corpus.shares.processes, lambda: _check_files(corpus.corpus, checkpoint.fingerprint, name, folders)
            )
            raise CorpusError(
                f"the corpus {sources} has changed since the run {name!r} began, or is another one (fingerprint "
                f"{checkpoint.fingerprint} then, {corpus.fingerprint} now): to resume with the original text from "
                f"another place, use {same}; to train on this text, start a new run with --corpus {sources} "
                f"--from {name}"
            )
        return corpus

    return _prepare(read_again, config, folders, say, world)


def _prepare(
    read: Callable[[], SplitCorpus], config: CorpusConfig, folders: FoldersConfig, say: Say, world: World
) -> PreparedCorpus:
    """Prepare the corpus; the processes of each machine divide what takes long: parsing music and encoding text."""
    corpus, crew = None, world.local
    is_read_once = any(map(is_stream, (*config.corpus, config.valid or "")))
    if crew.size > 1 and not world.is_divided and (is_read_once or parse_ahead(config, folders.parsed, crew)):
        crew = ALONE
    if crew.size > 1 or world.local.is_first:
        documents = read()
        for note in documents.summary:
            say(note)
        for detail in documents.details:
            say(detail, is_detail=True)
        corpus = PreparedCorpus.prepare(documents, Path(folders.data_dir), crew)
        del documents
        release_memory()
    return _shared(corpus, folders, world)


def _shared(corpus: PreparedCorpus | None, folders: FoldersConfig, world: World) -> PreparedCorpus:
    """Return the corpus in all processes, of which some or all may have prepared it."""
    world.wait()  # for the first process of each machine
    own = corpus.fingerprint if corpus else ""
    fingerprint = world.broadcast(own.encode).decode()
    corpus = corpus or PreparedCorpus.open(prepared_folder(Path(folders.data_dir), fingerprint))
    if corpus.fingerprint != fingerprint:
        raise CorpusError(
            f"process {world.rank} has a different corpus than the first (fingerprint {corpus.fingerprint}, not "
            f"{fingerprint}): give every machine the same files"
        )
    return corpus


def _check_files(corpus: Corpus, fingerprint: str, name: str, folders: FoldersConfig) -> None:
    """Check that this machine has the files that it had when a run began, as far as this is known."""
    before = files_of_share(Path(folders.data_dir), fingerprint, corpus.share_files)
    if before and (reason := difference(before, corpus.share_files)):
        raise CorpusError(
            f"{reason} since the run {name!r} began: to resume, name the original files of this machine with --resume "
            f"{name} --corpus PATH"
        )


def _read(config: CorpusConfig, folders: FoldersConfig, parent: Checkpoint | None, world: World) -> SplitCorpus:
    """Read a corpus, with the vocabulary of the run of `--from` if there is one."""
    level, given_coding = (None, None) if parent is None else (parent.level, parent.given_coding)
    return SplitCorpus.read(config, folders.parsed, level, given_coding, world if world.is_divided else ALONE)


def _extended(corpus: SplitCorpus, parent: Checkpoint) -> SplitCorpus:
    """Return the corpus with a vocabulary that has its characters, unless the parent's softmax sorts by frequency."""
    return corpus if parent.config.model.softmax_cutoff else corpus.extended()


def _report_new_characters(level: Level[Any], earlier: Level[Any], say: Say) -> None:
    """Report which characters were added to the vocabulary of the run of `--from`."""
    if isinstance(level, TextLevel) and isinstance(earlier, TextLevel):
        added = level.spelled(range(earlier.vocabulary_size, level.vocabulary_size))
        if added:
            number = counted(len(added), "character")
            say(f"added {number} of this corpus to the vocabulary of --from: {_examples(added)}")


def _check_given(config: CorpusConfig, parent: Checkpoint) -> None:
    """Check that texts are given something in both runs or in none, in the same vocabulary."""
    if parent.given_coding is None and config.given is not None:
        raise UsageError("--from names a run without --given: omit --given, or train a new model without --from")
    if parent.given_coding is not None and config.given is None:
        raise UsageError("--from names a run with --given: name what the texts are given with --given")
    if parent.given_coding is not None and config.given_level not in ("auto", parent.given_coding.name):
        raise UsageError(
            f"--from uses --given-level {parent.given_coding.name}: omit --given-level {config.given_level}"
        )


def _report_missing_characters(corpus: PreparedCorpus, say: Say) -> None:
    """Report which characters of the corpus are not in the vocabularies of the run of `--from`."""
    parts = corpus.train, corpus.valid
    _report_missing(corpus.level, parts, "a vocabulary", "the text", say)
    if isinstance(corpus.given_coding, TextLevel):
        given = [part.given for part in parts if part.given is not None]
        _report_missing(corpus.given_coding, given, "a vocabulary of what is given", "what is given", say)


def _report_missing(level: Level[Any], parts: Sequence[Dataset], vocabulary: str, side: str, say: Say) -> None:
    if not isinstance(level, TextLevel):
        return
    missing = sum((level.spelled_out(part.ids) for part in parts), Counter[str]())
    if missing:
        times, size = missing.total(), sum(part.extent["characters"] for part in parts)
        say(
            f"--from keeps {vocabulary} that lacks {counted(len(missing), 'character')} of this corpus "
            f"({counted(times, 'occurrence')}, {times / size:.2%} of {side}), each of which takes several tokens: "
            f"{_examples([character for character, _ in missing.most_common()])}"
        )


def _examples(characters: Sequence[str]) -> str:
    others = " and others" if len(characters) > _NUM_EXAMPLES else ""
    return ", ".join(map(repr, characters[:_NUM_EXAMPLES])) + others
