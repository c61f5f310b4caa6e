"""How unlikely each document, or each token, of a text is to a model."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqgen.checkpoint import Checkpoint
from seqgen.corpus.part import Part
from seqgen.corpus.split import Piece
from seqgen.evaluation.held_out import HeldOut
from seqgen.evaluation.likelihood import surprisals
from seqgen.model.language_model import LanguageModel


def by_document(model: LanguageModel, held_out: HeldOut) -> Iterator[dict[str, Any]]:
    """Yield name, number, tokens and nats of each document, and how much it is in the units of its level."""
    with held_out.encoded() as part:
        for number, (piece, _, nats) in enumerate(_documents(model, held_out, part), start=1):
            total = float(nats.sum(dtype=np.float64))
            yield {
                "document": piece.document.name,
                "number": number,
                "tokens": len(nats),
                "nats": total,
                "nats_per_token": total / len(nats),
                **held_out.extent(piece),
            }


def by_token(model: LanguageModel, checkpoint: Checkpoint, held_out: HeldOut) -> Iterator[dict[str, Any]]:
    """Yield name and number of the document, place, id, nats and text of each token."""
    with held_out.encoded() as part:
        for number, (piece, ids, nats) in enumerate(_documents(model, held_out, part), start=1):
            texts, name = checkpoint.level.spelled(ids), piece.document.name
            for place, (token, text, cost) in enumerate(zip(ids, texts, nats.tolist(), strict=True)):
                yield {"document": name, "number": number, "place": place, "id": token, "text": text, "nats": cost}


def _documents(
    model: LanguageModel, held_out: HeldOut, part: Part
) -> Iterator[tuple[Piece, list[int], NDArray[np.float32]]]:
    """Yield each document, its targets and their nats."""
    nats = surprisals(model, part)
    for piece, begin, end in zip(held_out.pieces(), part.offsets[:-1] + 1, part.offsets[1:], strict=True):
        yield piece, part.ids[begin:end].tolist(), nats[begin:end]
