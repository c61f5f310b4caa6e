"""The texts of `--stop`: a sample ends before the first of them that it completes."""

from collections.abc import Sequence


class StopTexts:
    """Searches the text of one sample, and holds back what may be the beginning of a stop text.

    Args:
        stops: the stop texts.
        is_kept: whether the stop text that ends the sample is part of it.

    Attributes:
        held: the text that is held back.
        is_found: whether a stop text is complete.
    """

    def __init__(self, stops: Sequence[str], *, is_kept: bool) -> None:
        self.held = ""
        self.is_found = False
        self._stops = stops
        self._is_kept = is_kept

    def feed(self, text: str) -> str:
        """Add text, and return what to release.

        This is the text before the stop text that is complete first; if several are, before the longest.
        """
        self.held += text
        found = [(place + len(stop), place) for stop in self._stops if (place := self.held.find(stop)) >= 0]
        if found:
            self.is_found = True
            end, begin = min(found)
            return self.held[: end if self._is_kept else begin]
        num_released = len(self.held) - max((_overlap(self.held, stop) for stop in self._stops), default=0)
        released, self.held = self.held[:num_released], self.held[num_released:]
        return released


def _overlap(text: str, stop: str) -> int:
    """Return the number of characters at the end of a text that are a proper beginning of a stop text."""
    longest = min(len(stop) - 1, len(text))
    return next(length for length in range(longest, -1, -1) if stop.startswith(text[len(text) - length :]))
