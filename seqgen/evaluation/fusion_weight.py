"""The weight of a language model in the search of a conditional model, chosen on validation pairs."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seqgen.checkpoint import Checkpoint
from seqgen.config import FoldersConfig
from seqgen.corpus.split import VALID
from seqgen.evaluation.pair_likelihood import evenly_spaced
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.run_corpus import RunCorpus
from seqgen.levels.base import Ids
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.fusion import Fusion
from seqgen.sampling.transcriber import Transcriber

WEIGHTS = 0.0, 0.1, 0.2, 0.3, 0.5, 0.8
DEFAULT_WEIGHT = 0.3  # without validation pairs
_NUM_TOKENS = 2000  # approximate number of validation tokens that are written with each weight


def fused(
    checkpoint: Checkpoint,
    model: LanguageModel,
    other: Checkpoint,
    other_model: LanguageModel,
    folders: FoldersConfig,
    weight: float | None = None,
    progress: Progress = SILENT,
) -> tuple[Fusion, str]:
    """Return a language model with a weight for the search.

    Args:
        checkpoint: of the conditional model.
        model: the conditional model.
        other: the checkpoint of the language model.
        other_model: the language model.
        folders: where prepared corpora are kept.
        weight: the weight; None for the one that gives the fewest wrong characters on validation pairs.
        progress: receives the progress.

    Returns:
        The language model, and a message for the user.

    Raises:
        UsageError: the models do not suit each other.
    """
    writer = Transcriber.of(checkpoint, model)
    fusion = Fusion.of(other, other_model, writer.level, DEFAULT_WEIGHT if weight is None else weight)
    if weight is not None:
        return fusion, f"weight of the language model: {weight}"
    corpus = RunCorpus(checkpoint, folders)
    if not corpus.is_encoded:
        return fusion, f"weight of the language model: {DEFAULT_WEIGHT} ({corpus.missing})"
    with corpus.encoded(VALID) as dataset:
        assert dataset.given is not None  # noqa: S101  # the model is conditional
        chosen = evenly_spaced(dataset, _NUM_TOKENS).tolist()
        givens = [dataset.given.document(index) for index in chosen]
        texts = [writer.level.decode(dataset.document(index)) for index in chosen]
    rates = {}
    with progress.task("choosing the weight of the language model", len(WEIGHTS)) as task:
        for tried in WEIGHTS:
            rates[tried] = _error_rate(replace(writer, fusion=replace(fusion, weight=tried)), givens, texts)
            task.advance()
    best = min(WEIGHTS, key=lambda tried: rates[tried])
    return replace(fusion, weight=best), (
        f"weight of the language model: {best}, with {rates[best]:.1%} of the characters wrong in {len(texts)} "
        f"validation pairs (without it {rates[0.0]:.1%}); --language-model-weight {best} sets it without this search"
    )


def _error_rate(writer: Transcriber, givens: Sequence[Ids], texts: Sequence[str]) -> float:
    """Return the number of edits per character."""
    from rapidfuzz.distance import Levenshtein

    written = [best[0].text if best else "" for best in writer.best_of_rows(givens)]
    edits = [Levenshtein.distance(mine, text) for mine, text in zip(written, texts, strict=True)]
    return float(np.sum(edits) / max(1, sum(map(len, texts))))
