"""The instruments that a user chooses: the tracks that the model writes for them, and their programs in the result."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, Self

from seqgen.errors import UsageError
from seqgen.levels.note import NoteLevel
from seqgen.levels.note.encoder import Layout
from seqgen.music.instruments import program_names, program_of
from seqgen.music.score import Track
from seqgen.wording import counted


class Arrangement(NamedTuple):
    """The instruments of `--instrument`, one per part; drums are not counted as parts.

    Attributes:
        programs: of the parts.
        layouts: the layouts of the corpus that have these instruments or, if none has them, as many parts; the most
            frequent first.
    """

    programs: tuple[int, ...]
    layouts: tuple[Layout, ...]

    @classmethod
    def of(cls, level: NoteLevel, names: Sequence[str]) -> Self | None:
        """Return the arrangement for instruments; None without any.

        Raises:
            UsageError: a name is unknown.
        """
        if not names:
            return None
        programs = tuple(map(program_of, names))
        layouts = [layout for layout in level.habits.layouts if len(_programs(layout)) == len(programs)]
        same = [layout for layout in layouts if sorted(_programs(layout)) == sorted(programs)]
        return cls(programs, tuple(same or layouts))

    def layout(self, level: NoteLevel) -> Layout:
        """Return the layout of pieces without a prime.

        Raises:
            UsageError: no layout has this number of parts.
        """
        if not self.layouts:
            nums = sorted({len(_programs(layout)) for layout in level.habits.layouts} - {0})
            if not nums:
                raise UsageError("--instrument is for models of pitched parts; this model writes drums only")
            known = " or ".join(counted(number, "part") for number in nums)
            raise UsageError(
                f"--instrument must be given once per part: pieces of the corpus have {known}, got "
                f"{_listed(self.programs)}"
            )
        return self.layouts[0]

    def applied(self, layout: Layout, parts: Sequence[Track]) -> tuple[Track, ...]:
        """Return the parts of a piece with these instruments, which replace names of other instruments.

        Args:
            layout: the tracks that the model writes.
            parts: the same tracks in the result.

        Raises:
            UsageError: there is another number of parts.
        """
        written = _programs(layout)
        if len(written) != len(self.programs):
            num_parts = counted(len(written), "part")
            raise UsageError(
                f"--instrument must be given once per part: a piece with this prime has {num_parts}, got "
                f"{_listed(self.programs)}"
            )
        programs = iter(written if sorted(written) == sorted(self.programs) else self.programs)
        return tuple(part if part.is_drum else _played(part, next(programs)) for part in parts)

    def notices(self, layout: Layout) -> Iterator[str]:
        """Yield a sentence if the model writes for other instruments."""
        written = _programs(layout)
        if sorted(written) != sorted(self.programs):
            yield (
                f"no layout of the corpus is for {_listed(self.programs)}: the model writes for {_listed(written)}, "
                "whose instruments are replaced"
            )


def _programs(layout: Layout) -> list[int]:
    return [header.program for header in layout if not header.is_drum]


def _played(part: Track, program: int) -> Track:
    return part if part.program == program else replace(part, program=program, name=program_names()[program])


def _listed(programs: Iterable[int]) -> str:
    counts = Counter(program_names()[program] for program in programs)
    return ", ".join(name if count == 1 else f"{count} x {name}" for name, count in counts.items())
