"""Fits the levels of a corpus and encodes its documents, in one process or in a crew."""

import json
import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from seqgen.corpus.crew import Crew
from seqgen.corpus.dataset import DatasetWriter
from seqgen.corpus.split import PARTS
from seqgen.corpus.split_corpus import SplitCorpus, TrainingDocuments
from seqgen.encoders import coding_from_json
from seqgen.errors import CorpusError
from seqgen.levels import level_class, level_from_json
from seqgen.levels.base import Coding, Level, TextLevel

STORE = "store.json"
GIVEN_CODING = "given_coding"  # in that file, absent without a given
FILES = "files"  # in that file, those of a share; absent unless the corpus is divided


class Levels(NamedTuple):
    """How documents, and what they are given, are encoded."""

    text: Level[Any]
    given: Coding[Any] | None

    def writers(self, folder: Path, stack: ExitStack) -> dict[str, DatasetWriter]:
        """Return a writer for each part."""
        return {part: stack.enter_context(DatasetWriter(folder, part, self.text, self.given)) for part in PARTS}


def fit(corpus: SplitCorpus, crew: Crew) -> Levels:
    """Return the levels; those of texts are fitted by the first process, which sends them to the others."""
    if corpus.shares.are_divided:
        return _fit_to_all(corpus, crew)
    if crew.is_first:
        config = corpus.config
        level = corpus.level or level_class(config.level).fit(TrainingDocuments(corpus), config)
        given_coding = corpus.given_coding
        if corpus.corpus.has_given and given_coding is None:
            givens = TrainingDocuments(corpus, of_given=True)
            given_coding = level_class(config.given_level).fit(givens, replace(config, ngram=1))
        crew.broadcast(lambda: json.dumps([each and each.to_json() for each in (level, given_coding)]).encode())
    else:
        level_content, given_content = json.loads(crew.broadcast(bytes))
        level, given_coding = level_from_json(level_content), given_content and coding_from_json(given_content)
    return Levels(level, given_coding)


def _fit_to_all(corpus: SplitCorpus, crew: Crew) -> Levels:
    """Return the levels of all shares of a corpus; the first process of each machine reads its share."""
    kind, gather = level_class(corpus.config.level), corpus.shares.gathered
    assert issubclass(kind, TextLevel)  # noqa: S101  # other corpora are not divided
    own = kind.fit(TrainingDocuments(corpus) if crew.is_first else [], corpus.config, gather)
    first, *_ = gather(own.to_json())  # the same anyway, unless machines compute differently
    return Levels(level_from_json(first), None)


def encode(corpus: SplitCorpus, levels: Levels, building: Path, crew: Crew) -> None:
    """Encode the share of the first process, and append what the others have encoded."""
    with ExitStack() as stack:
        writers = levels.writers(building, stack)
        for part, block in corpus.share(crew).blocks():
            writers[part].add(block)
        for rank in range(1, crew.size):
            share = json.loads(crew.broadcast(bytes, source=rank))
            if "error" in share:
                raise OSError(share["errno"], share["error"]) if "errno" in share else CorpusError(share["error"])
            for part, writer in writers.items():
                writer.append(building / str(rank), share[part])
            shutil.rmtree(building / str(rank))
    sizes = sum(writer.size for writer in writers.values()), sum(writer.given_size for writer in writers.values())
    if sizes != (corpus.size, corpus.given_size):
        raise CorpusError("the corpus has changed while it was being read: try again when nothing writes to it")
    content: dict[str, Any] = {"level": levels.text.to_json()}
    content |= {FILES: corpus.corpus.share_files} if corpus.shares.are_divided else {}
    for writer in writers.values():
        content |= writer.extents
    content |= {} if levels.given is None else {GIVEN_CODING: levels.given.to_json()}
    (building / STORE).write_text(json.dumps(content), encoding="utf-8")


def encode_share(corpus: SplitCorpus, levels: Levels, folder: Path, crew: Crew) -> None:
    """Encode the share of this process, and send its sizes or its error to the others."""
    share: dict[str, Any] = {}
    try:
        folder.mkdir()
        with ExitStack() as stack:
            writers = levels.writers(folder, stack)
            for part, block in corpus.share(crew).blocks():
                writers[part].add(block)
        share = {part: writer.share for part, writer in writers.items()}
    except CorpusError as error:
        share = {"error": str(error)}
    except OSError as error:
        share = {"error": error.strerror, "errno": error.errno}
    for rank in range(1, crew.size):
        crew.broadcast(lambda: json.dumps(share).encode(), source=rank)
