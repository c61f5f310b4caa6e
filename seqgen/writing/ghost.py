"""The ghost: the continuation that is shown after a text."""

from typing import NamedTuple, Self

from seqgen.writing.words import first_word

ENOUGH = 30  # characters; a shorter ghost is extended


class Ghost(NamedTuple):
    """A continuation of a text.

    Attributes:
        before: the text.
        text: the continuation, which may be empty.
    """

    before: str = ""
    text: str = ""

    def moved_to(self, text: str) -> Self:
        """Return the ghost of a changed text: what remains of it if the text was continued in this way."""
        is_followed = text.startswith(self.before) and self.text.startswith(text[len(self.before) :])
        return type(self)(text, self.text[len(text) - len(self.before) :] if is_followed else "")

    @property
    def word(self) -> str:
        """The first word, or white space without a word after it."""
        return first_word(self.text) or self.text
