"""The likelihood of texts that are given something: whole pairs of similar length are read together."""

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from seqgen.corpus.dataset import Dataset
from seqgen.evaluation.progress import Task
from seqgen.evaluation.surprisal_array import surprisal_array
from seqgen.levels.base import PADDING
from seqgen.model.ctc import CtcModel, collapsed, text_nats
from seqgen.model.encoder import Given
from seqgen.model.language_model import LanguageModel

_MAX_PAIRS = 256  # that are read together
_MAX_LOGITS = 1 << 24  # and numbers of the attention, which bounds the memory for them
_MAX_GIVEN_TOKENS = 1 << 15  # with padding; bounds the memory of the encoder

# Receives the places of some targets in a dataset, shape (targets,), and the logits before them, (targets, vocabulary).
Observe = Callable[[NDArray[np.int64], Tensor], None]


@torch.inference_mode()
def pair_surprisals(
    model: LanguageModel,
    dataset: Dataset,
    documents: NDArray[np.int64],
    dtype: torch.dtype,
    task: Task,
    deadline: float = math.inf,
    observe: Observe | None = None,
) -> tuple[NDArray[np.float32], int]:
    """Return the surprisal of each token of some pairs, given the tokens before it and what its text is given.

    Without a decoder, only whole texts have a probability: the end token has all nats of its text.

    Args:
        model: the model, which is not changed.
        dataset: the pairs.
        documents: the indices of the pairs that are read.
        dtype: precision of matrix products.
        task: receives the number of targets that are read.
        deadline: value of `time.perf_counter()` at which reading stops.
        observe: receives the logits, see `Observe`; of no use without a decoder.

    Returns:
        Nats, shape (tokens of the dataset,), 0 for start tokens, which are given, and for pairs that are not read; and
        the number of tokens that were not the most likely ones, or without a decoder the number of edits.

    Raises:
        TimeoutError: the deadline has passed.
    """
    assert dataset.given is not None  # noqa: S101  # these are pairs
    nats, errors = surprisal_array(len(dataset.ids)), 0
    for group in _groups(dataset, documents, model.vocabulary_size):
        if time.perf_counter() > deadline:
            raise TimeoutError
        ids, lengths = dataset.padded(group)
        given = Given(*map(torch.from_numpy, dataset.given.padded(group))).to(model.device)
        if isinstance(model, CtcModel):
            nats[dataset.offsets[group + 1] - 1], wrong = _without_decoder(model, given, ids, lengths, dtype)
            errors += wrong
            task.advance(int((lengths - 1).sum()))
            continue
        state, memory = model.encode(given, dtype)
        inputs = torch.from_numpy(ids).to(model.device)
        num_steps = max(1, _MAX_LOGITS // (len(group) * max(model.vocabulary_size, len(given.rows))))
        for first in range(0, len(ids) - 1, num_steps):
            targets = inputs[first + 1 : first + 1 + num_steps]
            logits, state = model(inputs[first : first + len(targets)], state, dtype, None, memory)
            costs = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view_as(targets)
            place = np.arange(first + 1, first + 1 + len(targets))[:, None]
            is_target = place < lengths
            places = (dataset.offsets[group] + place)[is_target]
            nats[places] = costs.cpu().numpy()[is_target]
            if observe is not None:
                observe(places, logits[torch.from_numpy(is_target)])
            errors += int((logits.argmax(-1) != targets).cpu().numpy()[is_target].sum())
            task.advance(int(is_target.sum()))
    return nats, errors


def _without_decoder(
    model: CtcModel, given: Given, ids: NDArray[np.int64], lengths: NDArray[np.int64], dtype: torch.dtype
) -> tuple[NDArray[np.float32], int]:
    """Return the nats of each text, and the edit distance to the texts of the best paths.

    A text with too few outputs, which is impossible, counts as if its tokens were drawn uniformly.

    Args:
        model: the model.
        given: what the texts are given.
        ids: of the texts, shape (tokens, texts).
        lengths: of the texts, shape (texts,).
        dtype: precision of matrix products.
    """
    from rapidfuzz.distance import Levenshtein

    is_target = np.arange(1, len(ids))[:, None] < lengths
    targets = torch.from_numpy(np.where(is_target, ids[1:], PADDING)).to(model.device)
    values, counts = model.log_probabilities(given, dtype)
    nats = text_nats(values, counts, targets).cpu().numpy()
    best = values.argmax(-1).cpu()
    errors = 0
    for place, (length, count) in enumerate(zip(lengths.tolist(), counts.tolist(), strict=True)):
        errors += Levenshtein.distance(collapsed(best[:count, place].tolist()), ids[1 : length - 1, place].tolist())
    uniform = math.log(model.vocabulary_size) * is_target.sum(0)
    return np.where(np.isposinf(nats), uniform, nats), errors


def evenly_spaced(dataset: Dataset, max_tokens: int) -> NDArray[np.int64]:
    """Return the indices of evenly spaced pairs with about `max_tokens` targets, or of all if there are fewer."""
    share = min(1.0, max_tokens / dataset.num_targets)
    count = max(1, round(share * dataset.num_documents))
    return np.linspace(0, dataset.num_documents - 1, count).round().astype(np.int64)


def _groups(dataset: Dataset, documents: NDArray[np.int64], vocabulary_size: int) -> Iterator[NDArray[np.int64]]:
    """Yield pairs of similar length that are read together."""
    assert dataset.given is not None  # noqa: S101  # these are pairs
    texts, givens = (part.offsets[documents + 1] - part.offsets[documents] for part in (dataset, dataset.given))
    order = np.lexsort((givens, texts))
    documents, texts, givens = documents[order], texts[order], givens[order]
    first = 0
    while first < len(documents):
        some = slice(first, first + _MAX_PAIRS)
        size = np.arange(1, len(documents[some]) + 1)
        has_few_logits = size * texts[some] * vocabulary_size <= _MAX_LOGITS
        is_fitting = has_few_logits & (size * np.maximum.accumulate(givens[some]) <= _MAX_GIVEN_TOKENS)
        num_pairs = max(1, int(is_fitting.sum()))
        yield documents[first : first + num_pairs]
        first += num_pairs
