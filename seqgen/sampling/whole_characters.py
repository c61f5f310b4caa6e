"""The constraint that the bytes spelled by tokens form whole UTF-8 characters, even at the maximum length."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqgen.sampling.constraint import Mask

# Ranges of the first byte of a character, with the ranges of the bytes that must follow (RFC 3629).
_ANY = (0x80, 0xBF)
_FIRST_BYTES: tuple[tuple[int, int, tuple[tuple[int, int], ...]], ...] = (
    (0x00, 0x7F, ()),
    (0xC2, 0xDF, (_ANY,)),
    (0xE0, 0xE0, ((0xA0, 0xBF), _ANY)),
    (0xE1, 0xEC, (_ANY, _ANY)),
    (0xED, 0xED, ((0x80, 0x9F), _ANY)),  # no surrogates
    (0xEE, 0xEF, (_ANY, _ANY)),
    (0xF0, 0xF0, ((0x90, 0xBF), _ANY, _ANY)),
    (0xF1, 0xF3, (_ANY, _ANY, _ANY)),
    (0xF4, 0xF4, ((0x80, 0x8F), _ANY, _ANY)),  # up to U+10FFFF
)
_NEVER = np.iinfo(np.int64).max
_NOTHING, _WHOLE = "never", "whole"  # kinds of tokens, besides the digits of half bytes and of bytes


class _State(NamedTuple):
    """The position of a stream within a character.

    Attributes:
        half: the first digit of a byte whose second digit must follow.
        ranges: the ranges of the bytes that must follow, including the byte of `half`.
    """

    half: str = ""
    ranges: tuple[tuple[int, int], ...] | None = None  # None at the beginning of a character

    def after(self, kind: str) -> "_State | None":
        """Return the state after a token; None if the token is excluded."""
        if kind == _WHOLE:
            return self if self == _BETWEEN else None
        if kind == _NOTHING or (self.half and len(kind) == 2):
            return None
        digits = self.half + kind
        bytes_left = [
            rest
            for low, high, rest in ([(*self.ranges[0], self.ranges[1:])] if self.ranges else _FIRST_BYTES)
            if any(low <= byte <= high for byte in _bytes_of(digits))
        ]
        if not bytes_left:
            return None
        if len(digits) == 1:
            return _State(digits, self.ranges)
        return _State("", bytes_left[0] or None)


_BETWEEN = _State()


def _bytes_of(digits: str) -> range:
    """Return the bytes that begin with one or two hexadecimal digits."""
    value = int(digits, 16)
    return range(value, value + 1) if len(digits) == 2 else range(16 * value, 16 * value + 16)


class WholeCharacters:
    """Excludes tokens that cannot be completed to a character with the allowed tokens and within the length.

    Args:
        hexadecimal: the digits that each token writes, see `TextLevel.hexadecimal`.
        end: the end token.
        forbidden: tokens that are never drawn.
        num_left: the maximum number of further tokens of each stream, shape (streams,).
    """

    def __init__(self, hexadecimal: Sequence[str], end: int, forbidden: Sequence[int], num_left: Sequence[int]) -> None:
        kinds = [_kind_of(digits) for digits in hexadecimal]
        kinds[end] = _WHOLE
        for token in forbidden:
            kinds[token] = _NOTHING
        number_of = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
        self._kinds = np.array([number_of[kind] for kind in kinds])
        self._next = _transitions(list(number_of))
        self._num_needed = _distances(self._next)
        self._longest = int(self._num_needed[self._num_needed < _NEVER].max())
        self._num_left = np.array(num_left, dtype=np.int64)
        self._states = np.zeros(len(num_left), dtype=np.int64)
        self._between_characters = self._mask_of(self._states[:1], np.array([self._longest + 1]))

    def mask(self) -> Mask:
        """Return -inf for tokens that cannot be completed; one row for all streams if none is within a character."""
        if not self._longest or not (self._states.any() or (self._num_left <= self._longest).any()):
            return self._between_characters
        return self._mask_of(self._states, self._num_left)

    def advance(self, ids: NDArray[np.int64]) -> None:
        """Add the tokens that were drawn, shape (streams,)."""
        if self._longest:
            self._states = self._next[self._states, self._kinds[ids]]
            self._num_left -= 1

    def select(self, streams: NDArray[np.int64]) -> None:
        """Continue with the streams at these indices, in this order."""
        self._states, self._num_left = self._states[streams], self._num_left[streams]

    def reset(self, which: NDArray[np.bool_]) -> None:
        """Let some streams continue between characters."""
        self._states[which] = 0

    def _mask_of(self, states: NDArray[np.int64], num_left: NDArray[np.int64]) -> Mask:
        is_possible = self._num_needed[self._next[states]] < num_left[:, None]
        return np.where(is_possible[:, self._kinds], np.float32(0), np.float32(-np.inf))


def _kind_of(digits: str) -> str:
    if not digits:
        return _NOTHING
    return digits if len(digits) == 1 or (len(digits) == 2 and digits >= "80") else _WHOLE


def _transitions(kinds: Sequence[str]) -> NDArray[np.int64]:
    """Return the index of the next state for each state and kind of token.

    State 0 is between characters; the last state stands for an excluded token.

    Returns:
        Shape (states, kinds).
    """
    states, table = [_BETWEEN], []
    for state in states:  # which grows
        following = [state.after(kind) for kind in kinds]
        states += [new for new in dict.fromkeys(following) if new is not None and new not in states]
        table.append(following)
    numbers = {state: number for number, state in enumerate(states)}
    none = len(states)
    rows = [[none if state is None else numbers[state] for state in row] for row in table]
    return np.array([*rows, [none] * len(kinds)])


def _distances(transitions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the least number of tokens from each state to the end of a character; `_NEVER` if it is unreachable."""
    distances = np.full(len(transitions), _NEVER)
    distances[0] = 0
    for _ in range(len(transitions)):
        nearest = distances[transitions].min(1)
        distances[1:] = np.where(nearest[1:] < _NEVER, nearest[1:] + 1, _NEVER)
    return distances
