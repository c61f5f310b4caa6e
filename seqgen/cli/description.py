"""What a checkpoint says of its model, for which no corpus is needed."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from seqgen.cli import display
from seqgen.corpus.reading import counted

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint


@dataclass(frozen=True)
class Description:
    """A checkpoint in a few words.

    Attributes:
        name: as the user named it.
        level: what a token is.
        vocabulary_size: how many tokens there are.
        cell: the kind of recurrent cell.
        size: layers x units, with the size of a projection behind them.
        best_valid_nats: the lowest validation loss, nats per token; None before the first validation.
        best_step: the step of that loss.
        step: how many steps of training were done.
        train_seconds: how long they took.
        corpus: the sources.
        version: of the seqgen that wrote the file.
        modified: seconds since 1970 when the file was last changed.
    """

    name: str
    level: str
    vocabulary_size: int
    cell: str
    size: str
    best_valid_nats: float | None
    best_step: int | None
    step: int
    train_seconds: float
    corpus: tuple[str, ...]
    version: str
    modified: float

    @classmethod
    def of(cls, name: str, path: Path, checkpoint: "Checkpoint") -> Self:
        """Describe the content of a file.

        Raises:
            CheckpointError: its figures are none.
        """
        from seqgen.training.figures import Figures

        model, figures = checkpoint.config.model, Figures.from_json(checkpoint.figures)
        projected = f"/{model.projection_size}" if model.projection_size else ""
        return cls(
            name=name,
            level=checkpoint.level.name,
            vocabulary_size=checkpoint.level.vocabulary_size,
            cell=model.cell,
            size=f"{model.num_layers}x{model.hidden_size}{projected}",
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
        """How long ago the file was changed."""
        return round(time.time() - self.modified)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "age_seconds": self.age_seconds}

    @property
    def summary(self) -> list[str]:
        """One row of a table of runs."""
        loss = "" if self.best_valid_nats is None else f"{self.best_valid_nats:.4f}"
        return [self.name, self.level, self.cell, self.size, loss, f"{self.step:,}", self.age]

    @property
    def rows(self) -> list[list[str]]:
        """What there is to show of it, each with its value."""
        loss = "none yet"
        if self.best_valid_nats is not None:
            loss = f"{self.best_valid_nats:.4f} nats per token, at step {self.best_step:,}"
        return [
            ["cell", f"{self.cell} {self.size}"],
            ["level", f"{self.level}, {self.vocabulary_size:,} tokens"],
            ["corpus", ", ".join("standard input" if source == "-" else source for source in self.corpus)],
            ["training", f"{counted(self.step, 'step')} in {display.duration(self.train_seconds)}"],
            ["best validation loss", loss],
            ["written by", f"seqgen {self.version}"],
            ["file changed", time.strftime("%Y-%m-%d %H:%M", time.localtime(self.modified))],
        ]

    @property
    def age(self) -> str:
        """The age in its largest unit."""
        for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
            if self.age_seconds >= size:
                count = self.age_seconds // size
                return f"{count} {unit}{'s' if count > 1 else ''}"
        return "now"
