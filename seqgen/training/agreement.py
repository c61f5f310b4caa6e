"""What the processes of a run agree on, so that all decide alike: the time, and whether to stop."""

from collections.abc import Callable

from seqgen.training.distributed import World
from seqgen.training.timetable import Timetable


class Agreement:
    """Keeps the time of a run the same in all processes.

    Args:
        world: the processes that train together.
        timetable: the timetable, whose `now` is set.

    Attributes:
        is_interrupted: whether any process was interrupted.
    """

    def __init__(self, world: World, timetable: Timetable) -> None:
        self.is_interrupted = False
        self._world = world
        self._timetable = timetable

    def renew(
        self, is_interrupted: Callable[[], bool] = lambda: False, nats: float = 0.0, seconds: float = 0.0
    ) -> tuple[float, float]:
        """Set the time to that of the first process, and note the interruption of any process.

        Args:
            is_interrupted: returns whether this process was interrupted.
            nats: the loss of this process.
            seconds: the time that a step took.

        Returns:
            The sum of the nats of all processes, and the seconds of the first.
        """
        now, seconds = (self._timetable.seconds, seconds) if self._world.is_first else (0.0, 0.0)
        totals = self._world.total(nats, float(is_interrupted()), seconds, now)
        nats, interruptions, seconds, self._timetable.now = totals
        self.is_interrupted = self.is_interrupted or interruptions > 0
        return nats, seconds
