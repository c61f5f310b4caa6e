"""The likelihood of documents, each read as one stream from its start token to its end.

Long documents are cut into segments that are read in parallel. The initial state of a segment is the final state of the
one before it, which is first estimated from a short warm-up; segments whose estimate was wrong are read again from the
correct state until all states agree. Since recurrent networks forget, this gives the same result as reading each
document at once in a fraction of the time. If a network does not forget, the rest of each document is read at once.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from seqgen.cells.base import State
from seqgen.corpus.dataset import Dataset
from seqgen.corpus.factored_ids import FactoredIds
from seqgen.evaluation.pair_likelihood import Observe, evenly_spaced, pair_surprisals
from seqgen.evaluation.progress import SILENT, Progress, Task
from seqgen.evaluation.segments import Segment, segments
from seqgen.evaluation.surprisal_array import surprisal_array
from seqgen.levels.base import Ids
from seqgen.model.language_model import LanguageModel
from seqgen.model.state import concatenate, select, tensors_of

_WARM_UP = 128  # tokens from which the state of the layers at the beginning of a segment is estimated
_SHORTEST_SEGMENT = 4 * _WARM_UP
_TOLERANCE = 1e-5  # of states, relative for elements above 1
_FORGETTING_PASSES = 3  # after which a network should have forgotten the error of an estimated state
_FORGETTING = 0.75  # the largest ratio of wrong segments in later passes to those in the pass before
_DOCUMENTS_AT_ONCE = 100_000  # bounds the memory for segments
_MAX_LOGITS = 1 << 24  # bounds the memory for logits


@dataclass(frozen=True)
class Likelihood:
    """The likelihood of a text.

    Attributes:
        nats: the total negative log-likelihood.
        tokens: the number of tokens.
        errors: the number of tokens that were not the most likely ones, or without a decoder of edits; counted only for
            texts that are given something.
    """

    nats: float
    tokens: int
    errors: int = 0

    @classmethod
    def of(cls, nats: NDArray[np.float32], dataset: Dataset) -> Self:
        """Return the sum of the nats of each token of a dataset."""
        return cls(float(nats.sum(dtype=np.float64)), dataset.num_targets)

    @property
    def nats_per_token(self) -> float:
        """The mean loss per token."""
        return self.nats / self.tokens


def score(model: LanguageModel, dataset: Dataset, num_streams: int = 64, sequence_length: int = 64) -> Likelihood:
    """Return the score of a dataset, see `surprisals`."""
    return Likelihood.of(surprisals(model, dataset, num_streams, sequence_length), dataset)


@torch.inference_mode()
def surprisals(
    model: LanguageModel,
    dataset: Dataset,
    num_streams: int = 64,
    sequence_length: int = 64,
    deadline: float = math.inf,
    progress: Progress = SILENT,
    observe: Observe | None = None,
) -> NDArray[np.float32]:
    """Return the surprisal of each token of a dataset, given the tokens before it in its document, in float32.

    Args:
        model: the model, which is not changed.
        dataset: the documents.
        num_streams: number of segments read in parallel, which does not affect the result.
        sequence_length: number of time steps per call, which does not affect the result.
        deadline: value of `time.perf_counter()` at which scoring stops.
        progress: receives the progress.
        observe: receives the logits, see `pair_likelihood.Observe`; a target that is read again is passed again.

    Returns:
        Nats, shape (tokens,); 0 for start tokens, which are given.

    Raises:
        TimeoutError: the deadline has passed.
    """
    size = max(_SHORTEST_SEGMENT, _warm_up(model), -(-dataset.num_targets // num_streams))
    with progress.task("scoring", dataset.num_targets) as task:
        if dataset.given is not None:
            pairs = np.arange(dataset.num_documents)
            return pair_surprisals(model, dataset, pairs, torch.float32, task, deadline, observe)[0]
        reader = _SegmentReader(model, dataset, num_streams, sequence_length, torch.float32, deadline, task, observe)
        for first in range(0, dataset.num_documents, _DOCUMENTS_AT_ONCE):
            documents = range(first, min(first + _DOCUMENTS_AT_ONCE, dataset.num_documents))
            _read_exactly(reader, segments(dataset, documents, size))
    return reader.nats


def _read_exactly(reader: "_SegmentReader", pieces: list[Segment]) -> None:
    """Read all segments, each from the final state of the segment that it continues."""
    incoming = reader.warm_up(pieces)
    pending = list(range(len(pieces)))
    num_wrong: list[int] = []
    while pending:
        if num_wrong:  # segments that are read again are additional work
            reader.task.expect(sum(pieces[i].length for i in pending))
        last_states = reader.read(pieces, pending, incoming)
        changed = [i + 1 for i, last in last_states.items() if not _agree(last, incoming[i + 1])]
        incoming |= {i + 1: last for i, last in last_states.items()}
        pending = sorted(changed)
        num_wrong.append(len(pending))
        if len(num_wrong) > _FORGETTING_PASSES and num_wrong[-1] > _FORGETTING * num_wrong[-2]:
            rests = _rests(pieces, pending)
            reader.task.expect(sum(rest.length for rest in rests.values()))
            reader.read(list(rests.values()), range(len(rests)), {n: incoming[i] for n, i in enumerate(rests)})
            break


def _rests(pieces: list[Segment], pending: list[int]) -> dict[int, Segment]:
    """Return the rest of each document from its first pending segment, by the index of that segment."""
    rests, end = {}, 0
    for first in pending:
        if first < end:  # of a document that is already included
            continue
        end = next(i for i in range(first, len(pieces)) if not pieces[i].is_continued) + 1
        rests[first] = Segment(pieces[first].begin, sum(piece.length for piece in pieces[first:end]), continues=True)
    return rests


@torch.inference_mode()
def estimate(
    model: LanguageModel,
    dataset: Dataset,
    dtype: torch.dtype,
    max_tokens: int,
    share: slice = slice(None),
    num_streams: int = 64,
    task: Task | None = None,
    observe: Observe | None = None,
) -> Likelihood:
    """Return the score of about `max_tokens` evenly spaced targets from estimated states.

    Args:
        model: the model, which is not changed.
        dataset: the documents.
        dtype: precision of matrix products.
        max_tokens: approximate number of targets.
        share: the segments that are read.
        num_streams: number of segments read in parallel.
        task: receives the number of targets that are read.
        observe: receives the logits, see `pair_likelihood.Observe`.
    """
    if dataset.given is not None:
        pairs = evenly_spaced(dataset, max_tokens)[share]
        targets = int((dataset.offsets[pairs + 1] - dataset.offsets[pairs] - 1).sum())
        costs, errors = pair_surprisals(model, dataset, pairs, dtype, task or Task(), observe=observe)
        return Likelihood(float(costs.sum(dtype=np.float64)), targets, errors)
    size = max(_SHORTEST_SEGMENT, _warm_up(model), min(max_tokens, dataset.num_targets) // num_streams)
    documents = range(0, dataset.num_documents, -(-dataset.num_documents // _DOCUMENTS_AT_ONCE))
    chosen = segments(dataset, documents, size, max_tokens)[share]
    reader = _SegmentReader(model, dataset, num_streams, 64, dtype, task=task)
    incoming = reader.warm_up(chosen)
    reader.observe = observe  # only of what is scored
    reader.read(chosen, range(len(chosen)), incoming)
    nats = (reader.nats[segment.begin + 1 : segment.begin + 1 + segment.length] for segment in chosen)
    return Likelihood(
        sum(float(each.sum(dtype=np.float64)) for each in nats), sum(segment.length for segment in chosen)
    )


def _warm_up(model: LanguageModel) -> int:
    """Return the number of tokens from which the state at the beginning of a segment is estimated.

    What attention remembers of each of its tokens is estimated from `_WARM_UP` tokens before, like the state of layers.
    """
    return _WARM_UP + model.config.attention


def _agree(state: list[State], other: list[State]) -> bool:
    pairs = zip(tensors_of(state), tensors_of(other), strict=True)
    return all(bool(((a - b).abs() <= _TOLERANCE * a.abs().clamp(min=1)).all()) for a, b in pairs)


class _SegmentReader:
    """Reads segments in parallel, `num_streams` at a time.

    Attributes:
        nats: surprisal of each target when it was last read, shape (tokens,).
        task: receives the number of targets that are read.
        observe: receives the logits.
    """

    def __init__(
        self,
        model: LanguageModel,
        dataset: Dataset,
        num_streams: int,
        sequence_length: int,
        dtype: torch.dtype,
        deadline: float = math.inf,
        task: Task | None = None,
        observe: Observe | None = None,
    ) -> None:
        self.nats = surprisal_array(len(dataset.ids))
        self._model = model
        self._dataset = dataset
        self._num_streams = num_streams
        self._sequence_length = sequence_length
        self._dtype = dtype
        self._deadline = deadline
        self.observe = observe
        self.task = task or Task()

    def warm_up(self, segments: Sequence[Segment]) -> dict[int, list[State]]:
        """Return an estimated initial state for each segment that continues another, from the tokens before it."""
        which = [i for i, segment in enumerate(segments) if segment.continues]
        length = _warm_up(self._model)
        before = [Segment(segments[i].begin - length, length, is_continued=True) for i in which]
        self.task.expect(length * len(before))
        last_states = self.read(before, range(len(before)), {})
        return {i: last_states[place] for place, i in enumerate(which)}

    def read(
        self, segments: Sequence[Segment], pending: Sequence[int], incoming: dict[int, list[State]]
    ) -> dict[int, list[State]]:
        """Read the pending segments from their incoming states, or from zero states.

        Returns the final states of the segments that are continued, which all have the same length.
        """
        last_states = {}
        by_length = sorted(pending, key=lambda i: -segments[i].length)
        for first in range(0, len(by_length), self._num_streams):
            group = by_length[first : first + self._num_streams]
            state = self._joined([incoming.get(i) for i in group])
            state = self._read_group([segments[i] for i in group], state)
            for place, i in enumerate(group):
                if segments[i].is_continued:
                    last_states[i] = select(state, torch.tensor([place], device=self._model.device))
        return last_states

    def _joined(self, states: Sequence[list[State] | None]) -> list[State]:
        zero = self._model.initial_state(1)
        return concatenate([state or zero for state in states])

    def _read_group(self, group: Sequence[Segment], state: list[State]) -> list[State]:
        """Read segments in order of decreasing length; return the state at the end of the first and longest one."""
        begin = np.array([segment.begin for segment in group])
        length = np.array([segment.length for segment in group])
        steps = max(1, min(self._sequence_length, _MAX_LOGITS // (len(group) * self._model.vocabulary_size)))
        for start in range(0, int(length[0]), steps):
            if time.perf_counter() > self._deadline:
                raise TimeoutError
            place = np.arange(start, min(start + steps, int(length[0])))[:, None]
            scored = place < length
            inputs = self._tokens(self._dataset.inputs, np.where(scored, begin + place, 0))
            targets = self._tokens(self._dataset.ids, np.where(scored, begin + place + 1, 0))
            logits, state = self._model(inputs, state, self._dtype)
            nats = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
            places = (begin + place + 1)[scored]
            self.nats[places] = nats.cpu().numpy()[scored]
            if self.observe is not None:
                self.observe(places, logits[torch.from_numpy(scored)])
            self.task.advance(int(scored.sum()))
        return state

    def _tokens(self, ids: Ids | FactoredIds, positions: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(ids[positions].astype(np.int64)).to(self._model.device)
