"""The comparison of models on the same text: their losses, and paired differences with confidence intervals.

All models score the same documents. Where their tokens differ, costs are compared between places at which tokens of
both end, so that models of different levels are compared exactly. The intervals are bootstraps over the differences of
documents, or of blocks of a few long ones (see `confidence.py`), which vary much less than the losses do.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqgen.corpus.documents import Document
from seqgen.corpus.signals import SignalDocument
from seqgen.evaluation.alignment import Alignment, TokenCosts
from seqgen.evaluation.contender import Contender, Scored, scored
from seqgen.evaluation.held_out import HeldOut
from seqgen.evaluation.known_share import known_share_notes
from seqgen.evaluation.likelihood import Likelihood
from seqgen.evaluation.loss_units import Loss
from seqgen.evaluation.paired_figures import TOKENS, paired_figures
from seqgen.evaluation.passages import Extremes, ScoredPassage, passages_of_text
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.transcription import Figure, Transcription, measure, summaries
from seqgen.evaluation.transcription import differences as figure_differences
from seqgen.evaluation.writing import evenly_spaced, references_of, transcribe
from seqgen.levels.base import utf8_sizes
from seqgen.levels.note import NoteLevel
from seqgen.wording import counted


@dataclass(frozen=True)
class Difference:
    """How the loss of a model differs from that of the first one.

    Attributes:
        name: the model.
        figures: its loss minus that of the first one, by unit of the loss, the main one first.
        extremes: where they differ most.
        written: the same difference of the figures of what conditional models write.
    """

    name: str
    figures: Mapping[str, Figure]
    extremes: Extremes
    written: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def written_summaries(self) -> dict[str, str]:
        """The differences of what is written, by name, as text."""
        return summaries(self.written, "+")

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        figures, written = (
            {name: figure.to_json() for name, figure in named.items()} for named in (self.figures, self.written)
        )
        content = {"checkpoint": self.name, **figures, "passages": self.extremes.to_json()}
        return {**content, "writing": written} if written else content


@dataclass(frozen=True)
class Comparison:
    """The losses of several models on a text.

    Attributes:
        name: the text: a path, or `SELECTED`.
        losses: the loss of each model, by name, in order.
        differences: of each further model from the first.
        written: how good the texts of each model are, in order; empty for models that are given nothing.
    """

    name: str
    losses: Sequence[tuple[str, Loss]]
    differences: Sequence[Difference]
    written: Sequence[Transcription] = ()

    @property
    def amounts(self) -> dict[str, float]:
        """The size of the text, in units that do not depend on the model."""
        amounts = self.losses[0][1].amounts
        amounts.pop(TOKENS)
        return amounts

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        models: list[dict[str, Any]] = [
            {"checkpoint": name, "tokens": loss.score.tokens, "nats": loss.score.nats, **loss.by_unit}
            for name, loss in self.losses
        ]
        for model, written in zip(models, self.written, strict=False):
            model["writing"] = written.to_json()
        differences = [difference.to_json() for difference in self.differences]
        return {"part": self.name, **self.amounts, "models": models, "differences": differences}


def compare(
    contenders: Sequence[Contender], held_out: HeldOut, progress: Progress = SILENT
) -> tuple[Comparison, list[str]]:
    """Return the comparison of models on a text, and notes for the user.

    Args:
        contenders: the models, at least two, which pass `check_comparable`.
        held_out: the text, as the run of the first model reads it.
        progress: receives the progress.

    Raises:
        CorpusError: the text cannot be read.
    """
    notes: list[str] = []
    with ExitStack() as datasets:
        results = []
        for contender in contenders:
            is_first = contender is contenders[0]
            results.append(datasets.enter_context(scored(contender, held_out, is_first=is_first, progress=progress)))
            notes += known_share_notes(results[-1], held_out, contenders[0], progress)
        if notes_on_key := _without_keys(results):
            notes.append(notes_on_key)
        extent = {unit: amount for unit, amount in results[0].dataset.extent.items() if unit != "words"}
        losses = [(each.contender.name, _loss(each, extent)) for each in results]
        differences = [_difference(results[0], other, held_out) for other in results[1:]]
    comparison = Comparison(held_out.name, losses, differences)
    if contenders[0].is_conditional:
        comparison = _with_writing(comparison, contenders, held_out, progress)
    return comparison, [*held_out.notes, *notes]


def _with_writing(
    comparison: Comparison, contenders: Sequence[Contender], held_out: HeldOut, progress: Progress
) -> Comparison:
    """Return the comparison with what conditional models write."""
    references = evenly_spaced(references_of(held_out))
    outputs = [transcribe(each.checkpoint, each.model, references, progress) for each in contenders]
    differences = [
        replace(difference, written=figure_differences(outputs[0], other))
        for difference, other in zip(comparison.differences, outputs[1:], strict=True)
    ]
    return replace(comparison, differences=differences, written=[measure(output) for output in outputs])


def _loss(result: Scored, extent: Mapping[str, float]) -> Loss:
    nats = float(result.nats.sum(dtype=np.float64))
    return Loss(Likelihood(nats, result.dataset.num_targets), extent)


def _without_keys(results: Sequence[Scored]) -> str | None:
    """Leave out the keys of pieces if some models read all pieces in one key; return a note on that."""
    levels = [each.contender.checkpoint.level for each in results]
    if len({level.is_in_one_key for level in levels if isinstance(level, NoteLevel)}) < 2:
        return None
    for result in results:
        result.nats[result.dataset.offsets[:-1] + 1] = 0.0  # the key is the first token
    name = next(
        each.contender.name
        for each, level in zip(results, levels, strict=True)
        if isinstance(level, NoteLevel) and level.is_in_one_key
    )
    return f"{name} reads all pieces in one key, so predicting the key signature at the beginning is not scored"


def _difference(first: Scored, other: Scored, held_out: HeldOut) -> Difference:
    """Return the difference of two models on a text."""
    has_same_tokens = np.array_equal(first.dataset.ids, other.dataset.ids)
    nats, amounts, sizes, extremes = [], [], [], Extremes()
    for index, document in enumerate(held_out.documents()):
        content = None if first.contender.is_of_music else "".join(document.chunks())
        alignment = _aligned(first, other, index, content)
        units = _amounts(document, content, alignment, held_out)
        if has_same_tokens:
            num_targets = len(first.dataset.document(index)) - 1
            units[TOKENS] = np.full(len(alignment.ends), num_targets / len(alignment.ends))
        nats.append(alignment.nats)
        amounts.append(np.stack(list(units.values())))
        sizes.append(len(alignment.ends))
        extremes.add(_passages(document, content, alignment, units, first.contender))
    named = dict(zip(units, np.concatenate(amounts, axis=1), strict=True))
    figures = paired_figures(np.concatenate(nats, axis=1), named, np.array(sizes))
    return Difference(other.contender.name, figures, extremes)


def _aligned(first: Scored, other: Scored, index: int, content: str | None) -> Alignment:
    """Return the alignment of a document; a pair is not divided."""
    costs = []
    for contender, dataset, nats in (first, other):
        begin, end = dataset.offsets[index : index + 2]
        own = nats[begin + 1 : end]
        if content is not None and contender.is_conditional:
            costs.append(TokenCosts.whole(own, content))
        else:
            costs.append(TokenCosts.of(contender.checkpoint.level, dataset.ids[begin + 1 : end], own, content))
    return Alignment.of(*costs)


def _amounts(
    document: Document[Any], content: str | None, alignment: Alignment, held_out: HeldOut
) -> dict[str, NDArray[np.float64]]:
    """Return how much of a document is between the places of its alignment, by unit; each has shape (places,)."""
    if content is None:  # evenly among the tokens
        num_places = len(alignment.ends)
        extent = held_out.extent(document)
        return {unit: np.full(num_places, amount / num_places) for unit, amount in extent.items()}
    starts = np.append(0, np.cumsum(utf8_sizes(content)))
    characters, num_bytes = alignment.ends.astype(np.float64), starts[alignment.ends].astype(np.float64)
    for ends in (characters, num_bytes):
        ends[-1] += len(document.ending)  # newlines, of one byte each
    return {"characters": np.diff(characters, prepend=0.0), "bytes": np.diff(num_bytes, prepend=0.0)}


def _passages(
    document: Document[Any],
    content: str | None,
    alignment: Alignment,
    units: Mapping[str, NDArray[np.float64]],
    contender: Contender,
) -> list[ScoredPassage]:
    """Return the passages of a document: parts of a text, a whole pair, or a whole piece of music."""
    own, other = alignment.totals.tolist()
    if content is None:
        size = counted(round(units["notes"].sum()), "note")
        return [ScoredPassage(document.origin, size, (own, other))]
    if contender.is_conditional:
        given = document.given
        assert given is not None  # noqa: S101  # these are pairs
        shown = given.name if isinstance(given, SignalDocument) else "".join(given.chunks())
        return [ScoredPassage(document.origin, content, (own, other), shown)]
    return list(passages_of_text(document, content, alignment))
