"""The figures of a run that its checkpoint keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, get_args, get_type_hints

from seqgen.errors import CheckpointError
from seqgen.options import LARGEST

OVERFITTING_VALIDATIONS = 2  # without improvement: a single one may be chance
NEVER = -1  # the validated step if the model must be validated before the first step


@dataclass
class Figures:
    """Everything about a run apart from its tensors and options; kept in the checkpoint."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    valid_nats: float | None = None
    validated_step: int = 0
    validation_tokens: int | None = None
    best_valid_nats: float | None = None
    best_valid_errors: float = 0.0  # share of tokens that were not the most likely ones, if texts are given something
    best_step: int | None = None
    train_nats_of_best: float | None = None
    validations_since_best: int = 0
    is_finished: bool = False
    roll_backs: int = 0
    processes: int = 1
    machines: int = 1
    launch: str = ""  # restarted processes find their run by this name

    def found(self, best: Self | None) -> None:
        """Take the figures of the best model on the disk, which may be newer than these.

        This is so after a process was killed between saving that model and saving the state of training.

        Args:
            best: the figures kept with that model; None if it no longer exists.
        """
        if best is None or best.best_valid_nats is None:
            self.best_valid_nats = None  # the next validation saves a new one
        elif self._is_best(best.best_valid_nats, best.best_valid_errors):
            self.best_valid_nats, self.best_valid_errors = best.best_valid_nats, best.best_valid_errors
            self.best_step = best.best_step
            self.train_nats_of_best, self.validations_since_best = best.train_nats_of_best, 0
            self.validation_tokens = self.validation_tokens or best.validation_tokens

    def _is_best(self, valid_nats: float, valid_errors: float) -> bool:
        """Return whether a model has fewer errors than the best, or as many and a lower loss.

        What is written from something given is right or wrong: with 3,600 pronunciations the loss is lowest after 8
        epochs, at 31.8 % wrong words, but after 16 epochs 30.9 % are wrong, with more confidence.
        """
        return self.best_valid_nats is None or (valid_errors, valid_nats) < (
            self.best_valid_errors,
            self.best_valid_nats,
        )

    def validated(self, valid_nats: float, train_nats: float | None, valid_errors: float = 0.0) -> bool:
        """Record a validation at this step.

        Args:
            valid_nats: the loss.
            train_nats: the training loss since the previous validation, if there was a step.
            valid_errors: the share of tokens that were not the most likely ones; 0 if it is not counted.

        Returns:
            Whether the model is the best so far, or again at the best step of a resumed run.
        """
        self.valid_nats, self.validated_step = valid_nats, self.step
        if self._is_best(valid_nats, valid_errors) or self.step == self.best_step:
            self.best_valid_nats, self.best_valid_errors, self.best_step = valid_nats, valid_errors, self.step
            self.train_nats_of_best = train_nats
            self.validations_since_best = 0
            return True
        self.validations_since_best += 1
        if self.train_nats_of_best is None:  # the best model is the initial one
            self.train_nats_of_best = train_nats
        return False

    def shows_overfitting(self, train_nats: float | None) -> bool:
        """Return whether the validation loss no longer improves while the training loss falls.

        Args:
            train_nats: the training loss since the previous validation, if there was a step.
        """
        before = self.train_nats_of_best
        has_learned = before is not None and train_nats is not None and train_nats < before
        return has_learned and self.validations_since_best >= OVERFITTING_VALIDATIONS

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the figures in a checkpoint.

        Raises:
            CheckpointError: the checkpoint has other figures.
        """
        try:
            figures = cls(**content)
            for name, kind in get_type_hints(cls).items():
                _check(getattr(figures, name), get_args(kind) or (kind,))
        except TypeError as error:
            raise CheckpointError(
                "the checkpoint contains figures that this version of seqgen does not support: it cannot be resumed"
            ) from error
        return figures


def _check(value: Any, kinds: tuple[type, ...]) -> None:
    """Raise TypeError for a value of another type, or a count out of range."""
    if type(value) not in kinds or (int in kinds and value is not None and not NEVER <= value <= LARGEST):
        raise TypeError
