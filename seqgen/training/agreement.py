"""What the processes of a run agree on, so that all decide alike: the time, and whether to stop."""

from collections.abc import Callable

from seqgen.training.distributed import World
from seqgen.training.progress import RunProgress


class Agreement:
    """Keeps the time of a run's progress the same in all processes.

    Args:
        world: the processes that train together.
        progress: the progress, whose `now` is set.

    Attributes:
        is_interrupted: whether any process was interrupted.
    """

    def __init__(self, world: World, progress: RunProgress) -> None:
        self.is_interrupted = False
        self._world = world
        self._progress = progress

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
        now, seconds = (self._progress.seconds, seconds) if self._world.is_first else (0.0, 0.0)
        totals = self._world.total(nats, float(is_interrupted()), seconds, now)
        nats, interruptions, seconds, self._progress.now = totals
        self.is_interrupted = self.is_interrupted or interruptions > 0
        return nats, seconds
