"""What the layouts of the training pieces say about the layout of another piece."""

from collections.abc import Sequence
from itertools import chain

from seqgen.levels.note.encoder import Layout


def familiar(layout: Layout, known: Sequence[Layout]) -> Layout:
    """Return a layout with each instrument that no known layout has replaced by the first one that they have.

    An instrument of the same family is preferred.
    """
    programs = [header.program for header in chain.from_iterable(known) if not header.is_drum]

    def nearest(program: int) -> int:
        return min(programs, key=lambda each: (each != program, each // 8 != program // 8), default=program)

    return tuple(header if header.is_drum else header._replace(program=nearest(header.program)) for header in layout)


def named(layout: Layout, known: Sequence[Layout]) -> list[str]:
    """Return the names of the tracks of the known layout with the same instruments, if possible as many voices."""
    same = [each for each in known if _instruments(each) == _instruments(layout)]
    nums = [header.num_voices for header in layout]
    nearest = min(same, key=lambda each: [header.num_voices for header in each] != nums, default=layout)
    return [header.name for header in nearest]


def _instruments(layout: Layout) -> list[tuple[int, bool]]:
    return [(header.program, header.is_drum) for header in layout]
