"""The prefix reader: reads a sequence of tokens again and again while it is edited, and only what has changed."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from seqgen.cells.base import State
from seqgen.model.language_model import LanguageModel
from seqgen.model.state import tensors_of
from seqgen.model.stepper import stepper
from seqgen.sampling.generator import Reading

_STRIDE = 32  # tokens between states that are kept, at first
_CHUNK = 256  # tokens that are read at once; fewer are read one by one, which is faster
_NUM_RECENT = 128  # the last tokens, after each of which the state is kept if it was read alone
_MAX_STATES = 2048  # when more are kept, every second one is dropped
_MAX_BYTES = 1 << 27  # of all states, which are large if the model attends to the past


class OutdatedError(Exception):
    """What is being read is no longer needed."""


class PrefixReader:
    """Reads sequences of tokens, beginning with the state after the longest common prefix of what was read before.

    Args:
        model: the language model, whose weights must not change.

    Attributes:
        step: the stepper that reads single tokens; others may use it between two calls.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._start = model.initial_state(1)
        self._states: dict[int, list[State]] = {}  # by the number of tokens read
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._stride = _STRIDE
        self._max_states = min(_MAX_STATES, _MAX_BYTES // sum(part.nbytes for part in tensors_of(self._start)))
        with torch.inference_mode():
            self.step = stepper(model, self._start, torch.float32)

    @torch.inference_mode()
    def read(self, ids: Sequence[int], is_outdated: Callable[[], bool] = lambda: False) -> Reading:
        """Return the reading of at least one token in one stream.

        Args:
            ids: the tokens from START on.
            is_outdated: returns whether the result is no longer needed; asked before every `_CHUNK` tokens.

        Raises:
            OutdatedError: it is not; what was read is kept.
        """
        tokens = np.array(ids, dtype=np.int64)
        self._forget_changes(tokens)
        place = max((place for place in self._states if place < len(tokens)), default=0)
        state = self._states.get(place, self._start)
        while len(tokens) - place >= _CHUNK:
            if is_outdated():
                raise OutdatedError
            end = place + _CHUNK - place % _CHUNK
            logits, state = self._model(self._tensor(tokens[place:end])[:, None], state)
            last, place = logits[-1], end
            self._keep(tokens, place, state)
        if place < len(tokens):
            self.step.state = state
        for token in tokens[place:]:
            last, place = self.step(self._tensor(np.array([token]))), place + 1
            state = self.step.state
            self._keep(tokens, place, state)
        self._thin_out(len(tokens))
        return Reading(last, state)

    def _tensor(self, tokens: NDArray[np.int64]) -> torch.Tensor:
        return torch.from_numpy(tokens).to(self._model.device)

    def _forget_changes(self, tokens: NDArray[np.int64]) -> None:
        """Forget what was read from the first different token on; a part of what was read is not different."""
        length = min(len(tokens), len(self._ids))
        differing = np.flatnonzero(tokens[:length] != self._ids[:length])
        if len(differing):
            self._ids = self._ids[: differing[0]]
            self._states = {place: state for place, state in self._states.items() if place <= differing[0]}

    def _keep(self, tokens: NDArray[np.int64], place: int, state: list[State]) -> None:
        self._states[place] = state
        if place > len(self._ids):
            self._ids = tokens[:place]

    def _thin_out(self, end: int) -> None:
        """Drop states that are neither at a multiple of the stride nor recent."""
        while len(self._ids) // self._stride > self._max_states:
            self._stride *= 2
        self._states = {
            place: state
            for place, state in self._states.items()
            if place % self._stride == 0 or end - _NUM_RECENT <= place
        }
