"""What a model is compared with: n-grams that have counted its training part, and compressors that have read it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from seqgen.checkpoint import Checkpoint
from seqgen.corpus.part import Part
from seqgen.corpus.split import TRAIN, VALID, Piece
from seqgen.evaluation.compressors import compressed_bits
from seqgen.evaluation.held_out import HeldOut
from seqgen.evaluation.likelihood import Score
from seqgen.evaluation.ngram import NgramModel
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.levels.base import TextLevel

_MAX_ORDER = 8


@dataclass(frozen=True)
class Baselines:
    """How well others predict the same text.

    Attributes:
        order: of the n-grams: the one that predicts the validation part best.
        ngram: their score.
        compressed: of text, the bits for each byte by compressor.
    """

    order: int
    ngram: Score
    compressed: dict[str, float]

    @classmethod
    def of(cls, checkpoint: Checkpoint, held_out: HeldOut, part: Part, progress: Progress = SILENT) -> "Baselines":
        """Measure them.

        Args:
            checkpoint: of the model that they are compared with.
            held_out: the text, whose run's training part must still be there.
            part: the text, encoded.
            progress: shows how far it is.
        """
        level = checkpoint.level
        variants = level.variants(checkpoint.config.corpus)
        with held_out.run.encoded(TRAIN) as train:
            # Music is counted in all keys in which it is read.
            ids = train.ids if variants is None else np.concatenate([variant[train.ids] for variant in variants])
            ngrams = NgramModel.fit(replace(train, ids=ids), _MAX_ORDER, progress=progress)
        scores = ngrams.scores(part, progress)
        order = 1 + int(np.argmin([score.nats for score in scores]))
        if not held_out.is_validation:
            with held_out.run.encoded(VALID) as valid:
                order = ngrams.best_order(valid, progress)
        compressed = {}
        if isinstance(level, TextLevel):
            compressed = compressed_bits(_text(held_out.run.pieces(TRAIN)), _text(held_out.pieces()), progress)
        return cls(order, scores[order - 1], compressed)


def _text(pieces: Iterator[Piece]) -> Iterator[str]:
    """Yield the text of all documents with what stood between them."""
    for piece in pieces:
        yield from piece.chunks()
        if piece.is_ended:
            yield piece.document.ending
