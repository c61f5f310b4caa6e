"""Divergence of training: how it is detected, and the rollback to an earlier model with a lower learning rate."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from seqgen.checkpoint import Checkpoint
from seqgen.config import TrainConfig
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.errors import TrainingError
from seqgen.training.figures import Figures
from seqgen.training.initial_model import initial_model
from seqgen.training.learner import StepResult
from seqgen.training.report import Notice
from seqgen.wording import counted

EXPLODED = 5  # times the loss of the uniform distribution: a model that learns never gets there
MAX_ROLL_BACKS = 4
SLOWER = 0.25  # factor of the learning rate after each rollback


def has_diverged(result: StepResult, vocabulary_size: int, num_outputs: float) -> bool:
    """Return whether the loss or its gradient is not finite, or the loss is extreme for a number of outputs."""
    limit = EXPLODED * math.log(vocabulary_size) * max(num_outputs, result.tokens)
    return not (math.isfinite(result.gradient_norm) and result.nats <= limit)


@dataclass(frozen=True)
class RollBack:
    """The return to the best model, or to the initial weights if no model was saved.

    It does not depend on the clock, so that two runs of one command stay the same.

    Attributes:
        diverged: the figures of the run when it diverged.
        best: the best model so far, if any.
    """

    diverged: Figures
    best: Checkpoint | None

    def check(self, config: TrainConfig, learning_rate: float, folder: Path) -> None:
        """Reject a rollback after too many others, or to weights that are no longer known.

        Args:
            config: the options of the run.
            learning_rate: the learning rate with which training diverged.
            folder: the folder of the run.

        Raises:
            TrainingError: there is nothing to return to.
        """
        is_lost = self.best is None and config.model.from_ is not None
        if is_lost or self.diverged.roll_backs == MAX_ROLL_BACKS:
            raise TrainingError(
                f"training diverged at step {self.diverged.step:,}, after "
                f"{counted(self.diverged.roll_backs, 'rollback')}: the last saved state is kept in {folder}; try a "
                f"--learning-rate below {learning_rate:g}, the current one, or a --clip below "
                f"{config.optimization.clip:g}"
            )

    def weights(self, config: TrainConfig, corpus: PreparedCorpus) -> Mapping[str, Tensor]:
        """Return the weights with which a run with these options and this corpus continues."""
        if self.best:
            return self.best.weights
        return initial_model(config.model, corpus, config.machine.seed).state_dict()

    @property
    def figures(self) -> Figures:
        """The figures with which the run continues."""
        return replace(
            Figures.from_json(self.best.figures) if self.best else Figures(),
            validation_tokens=self.diverged.validation_tokens,
            roll_backs=self.diverged.roll_backs + 1,
            processes=self.diverged.processes,
            machines=self.diverged.machines,
            launch=self.diverged.launch,
        )

    @property
    def notice(self) -> Notice:
        """The message for the user."""
        model = f"the best model (step {self.figures.step:,})" if self.best else "the initial weights"
        return Notice(
            f"training diverged at step {self.diverged.step:,}; rolled back to {model} and continuing at {SLOWER:g} "
            "times the learning rate"
        )
