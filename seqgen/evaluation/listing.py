"""The loss of each document or token of a text."""

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqgen.checkpoint import Checkpoint
from seqgen.corpus.dataset import Dataset
from seqgen.corpus.documents import Document
from seqgen.encoders.base import Signal
from seqgen.errors import UsageError
from seqgen.evaluation.held_out import HeldOut
from seqgen.evaluation.likelihood import surprisals
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.writing import pairs_of, write
from seqgen.model.ctc import CtcModel
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.fusion import Fusion


def by_document(
    model: LanguageModel,
    checkpoint: Checkpoint,
    held_out: HeldOut,
    progress: Progress = SILENT,
    fusion: Fusion | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the origin, number, tokens and nats of each document, and its size in the units of its level.

    From a conditional model also what the document is given, its text, and the text that the model writes instead.
    """
    pairs = list(pairs_of(held_out.documents())) if checkpoint.given_coding is not None else []
    written = write(checkpoint, model, [given for given, _ in pairs], progress, fusion) if pairs else []
    references = set(pairs)
    with held_out.encoded() as dataset:
        for number, (document, _, nats) in enumerate(_documents(model, held_out, dataset, progress), start=1):
            total = float(nats.sum(dtype=np.float64))
            yield {
                **document.origin,
                "number": number,
                "tokens": len(nats),
                "nats": total,
                "nats_per_token": total / len(nats),
                **held_out.extent(document),
                **(_compared(*pairs[number - 1], written[number - 1], references) if pairs else {}),
            }


def by_token(
    model: LanguageModel, checkpoint: Checkpoint, held_out: HeldOut, progress: Progress = SILENT
) -> Iterator[dict[str, Any]]:
    """Yield the origin and number of each token's document, and the place, id, text and nats of the token.

    Raises:
        UsageError: the model has no decoder, so that only whole texts have a probability.
    """
    if isinstance(model, CtcModel):
        raise UsageError("--per-token needs a decoder, but only whole texts have a probability without one (ctc)")
    with held_out.encoded() as dataset:
        for number, (document, ids, nats) in enumerate(_documents(model, held_out, dataset, progress), start=1):
            texts, origin = checkpoint.level.spelled(ids), document.origin
            for place, (token, text, cost) in enumerate(zip(ids, texts, nats.tolist(), strict=True)):
                yield {**origin, "number": number, "place": place, "id": token, "text": text, "nats": cost}


def _compared(
    given: str | Signal, text: str, written: str, references: Collection[tuple[str | Signal, str]]
) -> dict[str, Any]:
    """Return what a document is given, its text, what the model writes, and whether that is a text of this given."""
    shown = given if isinstance(given, str) else given.name
    return {"given": shown, "text": text, "written": written, "is_exact": (given, written) in references}


def _documents(
    model: LanguageModel, held_out: HeldOut, dataset: Dataset, progress: Progress
) -> Iterator[tuple[Document[Any], list[int], NDArray[np.float32]]]:
    """Yield each document with its targets and their nats."""
    nats = surprisals(model, dataset, progress=progress)
    for document, begin, end in zip(held_out.documents(), dataset.offsets[:-1] + 1, dataset.offsets[1:], strict=True):
        yield document, dataset.ids[begin:end].tolist(), nats[begin:end]
