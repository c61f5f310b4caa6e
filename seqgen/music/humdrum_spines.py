"""Humdrum text -> lines whose fields are assigned to spines, through all splits, joins and exchanges."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from seqgen.errors import MusicError
from seqgen.music.limits import MAX_SILENT_TRACKS, too_many_tracks


@dataclass(eq=False)
class Column:
    """A column of the file: a spine, or one of the columns into which it was split.

    Attributes:
        spine: number of the spine; the columns of a split spine share it.
        kind: exclusive interpretation, such as `**kern`.
        end: when the last note or rest ends, in ticks of the reader. A split column inherits it; negative if
            there was none since the column was added.
    """

    spine: int
    kind: str
    end: int = 0


Line = Sequence[tuple[Column, str]]


def lines_of(text: str) -> Iterator[Line]:
    """Yield the fields of each line with their columns, except comments and the lines that begin and end spines.

    Raises:
        MusicError: the text is not Humdrum, a line has too few or too many fields, or there are too many columns.
    """
    columns: list[Column] = []
    spines = count()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("!"):
            continue
        fields = line.rstrip().split("\t")
        if len(fields) > MAX_SILENT_TRACKS:
            raise too_many_tracks(len(fields))
        if not columns and all(field.startswith("**") for field in fields):
            spines = count()  # after the end of all spines, they continue
            columns = [Column(next(spines), field) for field in fields]
            continue
        if not columns:
            raise MusicError("text that is no kern", "is not kern: it begins with no spine, such as **kern")
        if len(fields) != len(columns):
            raise MusicError(
                "damaged file", f"is damaged: its line {number:,} has {len(fields)} fields instead of {len(columns)}"
            )
        yield list(zip(columns, fields, strict=True))
        if line.startswith("*"):
            columns = _after(columns, fields, spines)


def _after(columns: Sequence[Column], fields: Sequence[str], spines: Iterator[int]) -> list[Column]:
    """Return the columns after a line of interpretations, which may split (`*^`), join, exchange, add or end them."""
    after: list[Column] = []
    previous = ""
    for column, field in zip(columns, fields, strict=True):
        if field.startswith("**"):
            column.kind = field
        if field == "*v" == previous and after[-1].spine == column.spine:
            after[-1].end = max(after[-1].end, column.end)
        elif field == "*x" == previous:
            after.insert(-1, column)
            field = ""  # the pair is complete
        elif field != "*-":
            after.append(column)
        if field == "*^":
            after.append(replace(column))
        elif field == "*+":
            after.append(Column(next(spines), "", -1))
        previous = field
    return after
