"""An index of tokens by the hexadecimal digits that they write."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class TokenIndex:
    """Finds tokens by their digits, in whose order they are its entries.

    Args:
        hexadecimal: the digits of each token, see `TextLevel.hexadecimal`.

    Attributes:
        tokens: the token of each entry; tokens without digits have none.
        num_digits: the number of its digits.
    """

    def __init__(self, hexadecimal: Sequence[str]) -> None:
        entries = sorted((digits, token) for token, digits in enumerate(hexadecimal) if digits)
        self._digits = [digits for digits, _ in entries]
        self.tokens = np.array([token for _, token in entries], dtype=np.int64)
        self.num_digits = np.array(list(map(len, self._digits)), dtype=np.int64)
        self._lengths = sorted(set(self.num_digits.tolist()))

    def agreeing(self, text: str) -> NDArray[np.int64]:
        """Return the tokens that write a beginning of the text, or the whole text and possibly more.

        Args:
            text: hexadecimal digits, at least one.

        Returns:
            Their entries, in ascending order: those that write only a beginning come first.
        """
        is_half = len(text) % 2 == 1  # half a byte is completed by half a byte
        found = [
            self._between(text[:length], text[:length] + "!")
            for length in self._lengths
            if length < len(text) and (length == 1 or not is_half)
        ]
        whole = self._between(text, text + "g")
        found.append(whole[self.num_digits[whole] == 1] if is_half else whole)
        return np.concatenate(found)

    def _between(self, low: str, high: str) -> NDArray[np.int64]:
        """Return the entries with digits in [low, high), in string order: "!" sorts before all digits, "g" after."""
        return np.arange(bisect_left(self._digits, low), bisect_left(self._digits, high))
