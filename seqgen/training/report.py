"""What a run reports while it trains."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Report:
    """One line of the log.

    `train_nats` and `gradient_norm` are means over the steps since the previous line, `clipped_share` is the share of
    their gradients that were scaled down, `tokens_per_second` is their speed; all four are None if there was no step.
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

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Notice:
    """A message for the user."""

    text: str
