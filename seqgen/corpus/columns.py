"""The columns of a table, or the fields of JSON records, that hold the text and what it is given."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from seqgen.config import CorpusConfig
from seqgen.corpus.reading import UnusableFileError
from seqgen.corpus.rows import Row, field_with_most_text
from seqgen.wording import counted

_MAX_LISTED = 20  # columns
_MAX_NAME = 100  # characters of each that are shown


class Columns(NamedTuple):
    """Where a row has its texts.

    Attributes:
        text: the column of the text.
        given: the column of what the text is given; None without `--given`.
    """

    text: str
    given: str | None


class Candidates(NamedTuple):
    """The columns from which those of the texts are chosen.

    Attributes:
        file: the name of the file.
        kind: what a column is called, in the singular.
        names: the names of all columns.
        rows: the first rows.
        find: returns the name of the column that a user means; None if there is no such column.
    """

    file: str
    kind: str
    names: Sequence[str]
    rows: Sequence[Row]
    find: Callable[[str], str | None]

    def choose(self, config: CorpusConfig) -> Columns:
        """Return the columns of `--field` and `--given`; without `--field` the text is in the one with the most text.

        Raises:
            UnusableFileError: there is no such column, none that looks like text, or both are the same.
        """
        given = None if config.given is None else self._given(config.given)
        text = self._most_text(given) if config.field is None else self._field(config.field)
        if text == given:
            raise UnusableFileError(
                "file whose text is its given",
                f"--field and --given both name the {self.kind} {shown(text)} of {self.file}: name two {self.kind}s",
            )
        return Columns(text, given)

    @property
    def listed(self) -> str:
        """The word for the columns and their names, such as `columns id, text`."""
        return f"{self.kind}{'s' if len(self.names) > 1 else ''} {self._listed}"

    @property
    def number(self) -> str:
        """How many columns there are, such as `2 columns`."""
        return counted(len(self.names), self.kind)

    @property
    def _listed(self) -> str:
        more = f" and {len(self.names) - _MAX_LISTED} more" if len(self.names) > _MAX_LISTED else ""
        return ", ".join(map(shown, self.names[:_MAX_LISTED])) + more

    def _given(self, name: str) -> str:
        found = self.find(name)
        if found is None:
            raise UnusableFileError(
                f"file without the {self.kind} of --given",
                f"{self.file} has no {self.kind} {name!r}, and there is no file of this name: --given is a suffix such "
                f"as .src, a file, or one of the {self.listed}",
            )
        return found

    def _field(self, name: str) -> str:
        found = self.find(name)
        if found is None:
            raise UnusableFileError(
                "file without the field", f"{self.file} has no {self.kind} {name!r}; --field may be {self._listed}"
            )
        return found

    def _most_text(self, given: str | None) -> str:
        name = field_with_most_text(self.rows, given)
        if name is None:
            raise UnusableFileError(
                "file without a field of text",
                f"{self.file} has no {'' if given is None else 'other '}{self.kind} that looks like text; name one "
                f"with --field: {self._listed}",
            )
        return name


def shown(name: str) -> str:
    """Return a plain name as it is, any other in quotes."""
    name = name[:_MAX_NAME]
    return name if name.isprintable() and name and not set(name) & set(",;'\"") and name == name.strip() else repr(name)
