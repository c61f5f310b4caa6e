"""Description of a checkpoint, for which no corpus is needed."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from seqgen.cli import display
from seqgen.wording import counted

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint


@dataclass(frozen=True)
class Description:
    """Summary of a checkpoint.

    Attributes:
        name: name of the run or file, see `short_names`.
        level: type of token.
        vocabulary_size: number of different tokens.
        cell: recurrent cell.
        size: layers x units, followed by the projection size, if any.
        attention: number of previous tokens that it attends to.
        best_valid_nats: lowest validation loss in nats per token; None before the first validation.
        best_step: step of the lowest validation loss.
        step: number of training steps.
        train_seconds: training time.
        corpus: sources of the corpus.
        version: version of seqgen that wrote the file.
        modified: time of the last change of the file, in seconds since 1970.
    """

    name: str
    level: str
    vocabulary_size: int
    cell: str
    size: str
    attention: int
    best_valid_nats: float | None
    best_step: int | None
    step: int
    train_seconds: float
    corpus: tuple[str, ...]
    version: str
    modified: float

    @classmethod
    def of(cls, name: str, path: Path, checkpoint: "Checkpoint") -> Self:
        """Describe a checkpoint and its file.

        Raises:
            CheckpointError: the figures of the checkpoint are invalid.
        """
        from seqgen.training.figures import Figures

        model, figures = checkpoint.config.model, Figures.from_json(checkpoint.figures)
        projected = f"/{model.projection_size}" if model.projection_size else ""
        return cls(
            name=name,
            level=checkpoint.level.name,
            vocabulary_size=checkpoint.level.vocabulary_size,
            cell=model.cell,
            size=f"{model.depth}x{model.hidden_size}{projected}",
            attention=model.attention,
            best_valid_nats=figures.best_valid_nats,
            best_step=figures.best_step,
            step=figures.step,
            train_seconds=figures.seconds,
            corpus=checkpoint.requested.corpus.corpus,
            version=checkpoint.version,
            modified=path.stat().st_mtime,
        )

    @property
    def age_seconds(self) -> int:
        """Time since the last change of the file."""
        return round(time.time() - self.modified)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of the description."""
        return {**asdict(self), "age_seconds": self.age_seconds}

    @property
    def summary(self) -> list[str]:
        """The row in the table of runs."""
        loss = "" if self.best_valid_nats is None else f"{self.best_valid_nats:.4f}"
        return [self.name, self.level, self.cell, self.size, loss, f"{self.step:,}", self.age]

    @property
    def rows(self) -> list[list[str]]:
        """The rows of a table of its own: names and values."""
        loss = "none yet"
        if self.best_valid_nats is not None:
            loss = f"{self.best_valid_nats:.4f} nats per token, at step {self.best_step:,}"
        return [
            ["cell", f"{self.cell} {self.size}"],
            *([["attention", f"to {counted(self.attention, 'token')}"]] if self.attention else []),
            ["level", f"{self.level}, {self.vocabulary_size:,} tokens"],
            ["corpus", ", ".join("standard input" if source == "-" else source for source in self.corpus)],
            ["training", f"{counted(self.step, 'step')} in {display.duration(self.train_seconds)}"],
            ["best validation loss", loss],
            ["written by", f"seqgen {self.version}"],
            ["file changed", time.strftime("%Y-%m-%d %H:%M", time.localtime(self.modified))],
        ]

    @property
    def age(self) -> str:
        """The age in the largest unit that fits."""
        for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
            if self.age_seconds >= size:
                count = self.age_seconds // size
                return f"{count} {unit}{'s' if count > 1 else ''}"
        return "now"
