"""The figures of a run: what its log tells, what its checkpoint keeps, and what is counted in between."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self, get_args, get_type_hints

from seqgen.errors import CheckpointError
from seqgen.options import LARGEST

if TYPE_CHECKING:
    from seqgen.training.learner import Learned

NEVER = -1  # the step of a validation that is still to be done before the first step


@dataclass(frozen=True)
class Report:
    """One line of the log.

    `train_nats` and `gradient_norm` are means over the steps since the line before, `clipped_share` is the share of
    their gradients that were scaled down, `tokens_per_second` is their speed; all four are None where there was no step
    in between.
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
    """A sentence that the user should hear."""

    text: str


@dataclass
class Figures:
    """What a run knows of itself, beside its tensors; kept in the checkpoint."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    valid_nats: float | None = None
    validated_step: int = 0
    validation_tokens: int | None = None
    best_valid_nats: float | None = None
    best_step: int | None = None
    train_nats_of_best: float | None = None
    validations_since_best: int = 0
    is_finished: bool = False
    roll_backs: int = 0
    processes: int = 1
    launch: str = ""  # of these processes, so that they find their run when they are started again

    def found(self, best: Self | None) -> None:
        """Take over what is known of the best model on the disk, which may be newer than these figures.

        A process that was killed between saving it and saving the state of training leaves it so.

        Args:
            best: the figures kept with that model; None if it no longer exists.
        """
        if best is None or best.best_valid_nats is None:
            self.best_valid_nats = None  # the next validation writes one again
        elif self.best_valid_nats is None or best.best_valid_nats < self.best_valid_nats:
            self.best_valid_nats, self.best_step = best.best_valid_nats, best.best_step
            self.train_nats_of_best, self.validations_since_best = best.train_nats_of_best, 0
            self.validation_tokens = self.validation_tokens or best.validation_tokens

    def validated(self, valid_nats: float, train_nats: float | None) -> bool:
        """Take note of a validation at this step.

        Args:
            valid_nats: the loss.
            train_nats: the training loss since the validation before, if there was a step.

        Returns:
            Whether the model is the best so far; it is so again where a resumed run comes back to the best step.
        """
        self.valid_nats, self.validated_step = valid_nats, self.step
        if self.best_valid_nats is None or valid_nats < self.best_valid_nats or self.step == self.best_step:
            self.best_valid_nats, self.best_step, self.train_nats_of_best = valid_nats, self.step, train_nats
            self.validations_since_best = 0
            return True
        self.validations_since_best += 1
        if self.train_nats_of_best is None:  # the best is what the run began with
            self.train_nats_of_best = train_nats
        return False

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return what a checkpoint holds.

        Raises:
            CheckpointError: it holds other figures.
        """
        try:
            figures = cls(**content)
            for name, kind in get_type_hints(cls).items():
                _check(getattr(figures, name), get_args(kind) or (kind,))
        except TypeError as error:
            raise CheckpointError(
                "the checkpoint has other figures than this seqgen knows: it cannot be resumed"
            ) from error
        return figures


def _check(value: Any, kinds: tuple[type, ...]) -> None:
    """Raise TypeError for what is not of these kinds, or counts what cannot be counted."""
    if type(value) not in kinds or (int in kinds and value is not None and not NEVER <= value <= LARGEST):
        raise TypeError


@dataclass
class Recent:
    """What happened since the last report, or the last validation."""

    nats: float = 0.0
    tokens: int = 0
    steps: int = 0
    gradient_norm: float = 0.0
    clipped: float = 0.0
    seconds: float = 0.0  # in steps alone

    @property
    def train_nats(self) -> float | None:
        """Nats per token, if there was a step."""
        return self.nats / self.tokens if self.steps else None

    def count(self, learned: "Learned", seconds: float) -> None:
        """Add one step."""
        self.nats += learned.nats
        self.tokens += learned.tokens
        self.steps += 1
        self.gradient_norm += learned.gradient_norm
        self.clipped += learned.clipped
        self.seconds += seconds
