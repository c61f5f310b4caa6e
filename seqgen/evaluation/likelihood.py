"""The likelihood of documents, each read as one stream from its start token to its end.

A long document is cut into segments that are read side by side. A segment needs the state in which the one before
it ends, which at first is only guessed from a short warm-up; segments whose guess was wrong are read again from the
right state, until every state agrees with the one handed on to it. The result is that of reading the document in
one go, at a fraction of the time, because recurrent networks forget. Where one does not, what is left of each document
is read in one go.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from seqgen.cells.base import State
from seqgen.corpus.part import Part
from seqgen.evaluation.progress import SILENT, Progress, Task
from seqgen.model.language_model import LanguageModel
from seqgen.model.state import concatenate, select, tensors_of

_WARM_UP = 128  # tokens read to guess the state at the beginning of a segment
_SHORTEST_SEGMENT = 4 * _WARM_UP
_TOLERANCE = 1e-5  # how far a state may be from the one handed on, relative to its size where that is above 1
_FORGETTING_PASSES = 3  # in which a network should have forgotten what was wrong in a guess
_FORGETTING = 0.75  # or else in each further one so many segments at most are wrong as in the one before
_DOCUMENTS_AT_ONCE = 100_000  # bounds the memory for segments
_MAX_LOGITS = 1 << 24  # bounds the memory for logits


@dataclass(frozen=True)
class Score:
    """How unlikely a text is to a model: the total in nats, and over how many tokens."""

    nats: float
    tokens: int

    @property
    def nats_per_token(self) -> float:
        """The mean loss."""
        return self.nats / self.tokens


@dataclass(frozen=True, slots=True)
class Segment:
    """Targets `begin + 1` to `begin + length` of a part's ids.

    Attributes:
        continues: whether the segment before it in the list is the beginning of the same document.
        is_continued: whether the one after it goes on from its state.
    """

    begin: int
    length: int
    continues: bool = False
    is_continued: bool = False


def score(model: LanguageModel, part: Part, num_streams: int = 64, sequence_length: int = 64) -> Score:
    """Return the score of a part, see `surprisals`."""
    nats = surprisals(model, part, num_streams, sequence_length)
    return Score(float(nats.sum(dtype=np.float64)), part.num_targets)


@torch.inference_mode()
def surprisals(
    model: LanguageModel,
    part: Part,
    num_streams: int = 64,
    sequence_length: int = 64,
    deadline: float = math.inf,
    progress: Progress = SILENT,
) -> NDArray[np.float32]:
    """Return how unlikely each token of a part is after those before it in its document, in float32.

    Args:
        model: the model; it is not changed.
        part: the documents.
        num_streams: segments read side by side; the result does not depend on it.
        sequence_length: steps taken at once; the result does not depend on it.
        deadline: `time.perf_counter()` when it is to be given up.
        progress: shows how far it is.

    Returns:
        Nats, shape (tokens,); 0 for the start tokens, which are given.

    Raises:
        TimeoutError: the deadline has come.
    """
    size = max(_SHORTEST_SEGMENT, -(-part.num_targets // num_streams))
    with progress.task("scoring", part.num_targets) as task:
        reader = _Reader(model, part.ids, num_streams, sequence_length, torch.float32, deadline, task)
        for first in range(0, part.num_documents, _DOCUMENTS_AT_ONCE):
            documents = range(first, min(first + _DOCUMENTS_AT_ONCE, part.num_documents))
            _read_exactly(reader, segments(part, documents, size))
    return reader.nats


def _read_exactly(reader: "_Reader", pieces: list[Segment]) -> None:
    """Read all segments, each from the state in which the one before it ends."""
    incoming = reader.guess(pieces)
    pending = list(range(len(pieces)))
    num_wrong: list[int] = []
    while pending:
        if num_wrong:  # what is read again comes on top of what was known to be done
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
    """Return what is left of each document from its first pending segment on, by the place of that."""
    rests, end = {}, 0
    for first in pending:
        if first < end:  # of a document that is there already
            continue
        end = next(i for i in range(first, len(pieces)) if not pieces[i].is_continued) + 1
        rests[first] = Segment(pieces[first].begin, sum(piece.length for piece in pieces[first:end]), continues=True)
    return rests


@torch.inference_mode()
def estimate(
    model: LanguageModel,
    part: Part,
    dtype: torch.dtype,
    max_tokens: int,
    share: slice = slice(None),
    num_streams: int = 64,
) -> Score:
    """Return the score of at most about `max_tokens` targets, from guessed states: quick, for use during training.

    Args:
        model: the model; it is not changed.
        part: the documents.
        dtype: the precision of the products.
        max_tokens: how many targets are enough.
        share: which of the segments are read.
        num_streams: segments read side by side.
    """
    size = max(_SHORTEST_SEGMENT, min(max_tokens, part.num_targets) // num_streams)
    documents = range(0, part.num_documents, -(-part.num_documents // _DOCUMENTS_AT_ONCE))
    wanted = segments(part, documents, size, max_tokens)[share]
    reader = _Reader(model, part.ids, num_streams, 64, dtype)
    reader.read(wanted, range(len(wanted)), reader.guess(wanted))
    nats = (reader.nats[segment.begin + 1 : segment.begin + 1 + segment.length] for segment in wanted)
    return Score(sum(float(each.sum(dtype=np.float64)) for each in nats), sum(segment.length for segment in wanted))


def segments(part: Part, documents: range, size: int, max_tokens: int | None = None) -> list[Segment]:
    """Return segments of at most `size` targets; of more than `max_tokens` targets some that are spread evenly."""
    begins = part.offsets[documents.start : documents.stop : documents.step]
    lengths = part.offsets[documents.start + 1 : documents.stop + 1 : documents.step] - 1 - begins
    ends = np.cumsum(-(-lengths // size))  # counted in segments
    share = min(1.0, max_tokens / int(lengths.sum())) if max_tokens else 1.0
    chosen = np.unique(np.linspace(0, ends[-1] - 1, max(1, round(share * int(ends[-1])))).round().astype(np.int64))
    document = np.searchsorted(ends, chosen, side="right")
    offset = (chosen - np.concatenate([[0], ends])[document]) * size
    return [
        Segment(begin + start, min(size, length - start), continues=start > 0, is_continued=start + size < length)
        for begin, start, length in zip(
            begins[document].tolist(), offset.tolist(), lengths[document].tolist(), strict=True
        )
    ]


def _agree(state: list[State], other: list[State]) -> bool:
    pairs = zip(tensors_of(state), tensors_of(other), strict=True)
    return all(bool(((a - b).abs() <= _TOLERANCE * a.abs().clamp(min=1)).all()) for a, b in pairs)


class _Reader:
    """Reads segments side by side, `num_streams` at a time.

    Attributes:
        nats: what each target cost when it was last read, shape (tokens,).
        task: counts the targets that are read.
    """

    def __init__(
        self,
        model: LanguageModel,
        ids: NDArray[np.integer],
        num_streams: int,
        sequence_length: int,
        dtype: torch.dtype,
        deadline: float = math.inf,
        task: Task | None = None,
    ) -> None:
        with TemporaryFile() as file:  # it needs no memory for what is not read; the mapping keeps it
            self.nats = np.memmap(file, dtype=np.float32, mode="w+", shape=(len(ids),))
        self._model = model
        self._ids = ids
        self._num_streams = num_streams
        self._sequence_length = sequence_length
        self._dtype = dtype
        self._deadline = deadline
        self.task = task or Task()

    def guess(self, segments: Sequence[Segment]) -> dict[int, list[State]]:
        """Return a state for each segment that goes on from another, by reading the tokens just before it."""
        which = [i for i, segment in enumerate(segments) if segment.continues]
        before = [Segment(segments[i].begin - _WARM_UP, _WARM_UP, is_continued=True) for i in which]
        self.task.expect(_WARM_UP * len(before))
        last_states = self.read(before, range(len(before)), {})
        return {i: last_states[place] for place, i in enumerate(which)}

    def read(
        self, segments: Sequence[Segment], pending: Sequence[int], incoming: dict[int, list[State]]
    ) -> dict[int, list[State]]:
        """Read the pending segments from their incoming states, zero where there is none.

        Returns the last states of the segments that are continued, which all have the same length.
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
        """Read segments of falling length; the state after the first, longest one's end is that of all as long."""
        begin = np.array([segment.begin for segment in group])
        length = np.array([segment.length for segment in group])
        steps = max(1, min(self._sequence_length, _MAX_LOGITS // (len(group) * self._model.vocabulary_size)))
        for start in range(0, int(length[0]), steps):
            if time.perf_counter() > self._deadline:
                raise TimeoutError
            place = np.arange(start, min(start + steps, int(length[0])))[:, None]
            scored = place < length
            inputs = self._tokens(np.where(scored, begin + place, 0))
            targets = self._tokens(np.where(scored, begin + place + 1, 0))
            logits, state = self._model(inputs, state, self._dtype)
            nats = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
            self.nats[(begin + place + 1)[scored]] = nats.cpu().numpy()[scored]
            self.task.advance(int(scored.sum()))
        return state

    def _tokens(self, positions: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self._ids[positions].astype(np.int64)).to(self._model.device)
