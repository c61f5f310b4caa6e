"""What a run reports while it trains."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from seqgen.training.example import Example
from seqgen.training.timetable import Timetable
from seqgen.training.validation import Validated

_OF_PAIRS = ("valid_errors", "example")


@dataclass(frozen=True)
class Report:
    """One line of the log.

    `train_nats` and `gradient_norm` are means over the steps since the previous line, `clipped_share` is the share of
    their gradients that were scaled down, `tokens_per_second` is their speed; all four are None if there was no step.
    `valid_errors` is the share of tokens that were not the most likely ones, and `example` is a pair of the validation
    set; both are None unless texts are given something.
    """

    step: int
    epoch: float
    tokens: int
    seconds: float
    train_nats: float | None
    valid_nats: float | None
    learning_rate: float
    gradient_norm: float | None
    clipped_share: float | None
    tokens_per_second: float | None
    valid_errors: float | None = None
    example: Example | None = None

    @classmethod
    def of(
        cls,
        timetable: Timetable,
        steps_per_epoch: int,
        learning_rate: float,
        validated: Validated | None = None,
    ) -> Self:
        """Return what happened since the last report, and the result of a validation if there was one."""
        figures, recent = timetable.figures, timetable.since_report
        return cls(
            step=figures.step,
            epoch=figures.step / steps_per_epoch,
            tokens=figures.tokens,
            seconds=timetable.seconds,
            train_nats=recent.nats_per_token,
            valid_nats=validated.nats if validated else None,
            learning_rate=learning_rate,
            gradient_norm=recent.gradient_norm / recent.steps if recent.steps else None,
            clipped_share=recent.clipped / recent.steps if recent.steps else None,
            tokens_per_second=recent.tokens / recent.seconds if recent.steps else None,
            valid_errors=validated.errors if validated else None,
            example=validated.example if validated else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        content = asdict(self) | {"example": self.example and self.example.to_json()}
        return {name: value for name, value in content.items() if value is not None or name not in _OF_PAIRS}


@dataclass(frozen=True)
class Notice:
    """A message for the user."""

    text: str
