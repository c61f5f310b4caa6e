"""The length of a run."""

from dataclasses import dataclass

from seqgen.config.bounds import COUNT
from seqgen.errors import UsageError
from seqgen.options import Options, flag, option, parse_time

BUDGETS = ("time", "epochs", "steps")  # at most one is given


@dataclass(frozen=True, kw_only=True)
class BudgetConfig(Options):
    """Budget: how long to train."""

    time: str | None = option(
        "Training time, such as 80s, 10m, 1.5h or 1d.",
        metavar="TIME",
        shown_default="10m, unless --epochs or --steps is given",
    )
    epochs: int | None = option("Train for N passes over the corpus instead of a time.", metavar="N", bound=COUNT)
    steps: int | None = option("Train for N steps instead of a time.", metavar="N", bound=COUNT)
    patience: int = option("Stop after N validations without improvement.", 6, metavar="N", bound=COUNT)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in BUDGETS if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(map(flag, given))} cannot be combined: give only one of them")
        if self.time is not None:
            parse_time(self.time)

    def num_steps(self, steps_per_epoch: int) -> int:
        """Return the number of steps of the budget; 0 if it is a time."""
        return self.steps or (self.epochs or 0) * steps_per_epoch
