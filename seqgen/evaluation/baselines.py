"""Baselines: n-grams counted on the training set of a model, and compressors that have read it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seqgen.checkpoint import Checkpoint
from seqgen.corpus.dataset import Dataset
from seqgen.corpus.documents import Document
from seqgen.corpus.split import TRAIN, VALID
from seqgen.evaluation.compressors import compressed_bits
from seqgen.evaluation.held_out import HeldOut
from seqgen.evaluation.likelihood import Likelihood
from seqgen.evaluation.loss_units import Loss
from seqgen.evaluation.mixture import Mixture
from seqgen.evaluation.ngram import NgramModel
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.levels.base import TextLevel

_MAX_ORDER = 8


@dataclass(frozen=True)
class Baselines:
    """The losses of simple predictors on the same text.

    Attributes:
        order: order of the n-gram model, chosen on the validation set.
        ngram: loss of the n-gram model.
        mixture: the mixture of the model and the n-gram model; None for a conditional model, since n-grams do not read
            what a text is given.
        compressed: bits per byte, by compressor; empty for music.
    """

    order: int
    ngram: Loss
    mixture: Mixture | None
    compressed: dict[str, float]

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        held_out: HeldOut,
        dataset: Dataset,
        nats: NDArray[np.float32],
        progress: Progress = SILENT,
    ) -> "Baselines":
        """Fit the baselines on the training set and score a text with them.

        Args:
            checkpoint: the model to compare with.
            held_out: the text; the training set of its run must exist.
            dataset: the encoded text.
            nats: of each of its tokens by the model, 0 for start tokens, shape (tokens,).
            progress: receives the progress.

        Raises:
            CorpusError: the training set is missing.
        """
        level = checkpoint.level
        variants = level.variants(checkpoint.config.corpus)
        with held_out.run.encoded(TRAIN) as train:
            # Transposed music is counted in every key that the model reads it in.
            ids = train.ids if variants is None else np.concatenate([variant[train.ids] for variant in variants])
            ngrams = NgramModel.fit(replace(train, ids=ids, factored=None), _MAX_ORDER, progress=progress)
        with held_out.run.encoded(VALID) as valid:
            order = ngrams.best_order(valid, progress)
        by_ngrams = ngrams.surprisals(dataset, order, progress)
        ngram = Loss(Likelihood.of(by_ngrams, dataset), dataset.extent)
        mixture = Mixture.of(nats, by_ngrams, dataset) if checkpoint.given_coding is None else None
        compressed = {}
        if isinstance(level, TextLevel):
            compressed = compressed_bits(_text(held_out.run.documents(TRAIN)), _text(held_out.documents()), progress)
        return cls(order, ngram, mixture, compressed)


def _text(documents: Iterator[Document[str]]) -> Iterator[str]:
    """Yield the text of all documents, with their separators."""
    for document in documents:
        yield from document.chunks()
        yield document.ending
