"""The model card of the run report: what a run is, and what its figures do not show."""

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqgen.cli import display
from seqgen.config import BUDGETS, CorpusConfig, TrainOptions
from seqgen.options import flag
from seqgen.pretrained import is_builtin
from seqgen.wording import counted

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.evaluation.report import Evaluation
    from seqgen.evaluation.report_page import ModelCard
    from seqgen.evaluation.run_report import RunReport
    from seqgen.model.language_model import LanguageModel
    from seqgen.training.figures import Figures

Log = Sequence[Mapping[str, Any]]
_SELECTED = (
    "The validation set selected the checkpoint, so the loss on it is somewhat lower than on new text: "
    "seqgen evaluate --corpus FILE scores text that the model has not seen."
)


def model_card(
    checkpoint: "Checkpoint", model: "LanguageModel", path: Path, log: Log, report: "RunReport"
) -> "ModelCard":
    """Return the facts about a run.

    Args:
        checkpoint: its checkpoint.
        model: its model.
        path: the file of the checkpoint.
        log: the complete records of its training; empty if there are none.
        report: what was measured.

    Raises:
        CheckpointError: the figures of the checkpoint are invalid.
    """
    from seqgen.evaluation.report_page import ModelCard
    from seqgen.training.figures import Figures
    from seqgen.training.fine_tuning import without_inherited

    figures, config = Figures.from_json(checkpoint.figures), checkpoint.config.model
    projected = f", projected to {config.projection_size:,}" if config.projection_size else ""
    layers = ", ".join(f"{part} {number:,}" for part, number in model.parameters_by_layer.items())
    rows = [
        ("level", f"{checkpoint.level.name}, {checkpoint.level.vocabulary_size:,} tokens"),
        ("cell", f"{config.cell}, {counted(config.depth, 'layer')} of {config.hidden_size:,} units{projected}"),
        *([("attention", f"to {counted(config.attention, 'token')}")] if config.attention else []),
        ("parameters", f"{model.num_parameters:,} ({layers})"),
        *_corpus_rows(checkpoint),
        ("budget", _budget(checkpoint)),
        ("training", _training(checkpoint, figures, log)),
        ("best validation loss in training", _best_loss(figures)),
        *([] if report.evaluation is None else [_loss_row(report, report.evaluation)]),
        ("written by", f"seqgen {checkpoint.version}{'' if is_builtin(path) else f', {_date(path)}'}"),
    ]
    command = train_command(without_inherited(checkpoint.requested))
    return ModelCard(rows, command, list(_limits(checkpoint, figures, log)))


def train_command(requested: TrainOptions) -> str:
    """Return the command that requests these options: those that differ from the defaults."""
    defaults, words = TrainOptions().to_flat(), ["seqgen", "train"]
    for name, value in requested.to_flat().items():
        if value == defaults.get(name):
            continue
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        else:
            for each in value if isinstance(value, list) else [value]:
                words += [f"--{name}", str(each)]
    return shlex.join(words)


def _corpus_rows(checkpoint: "Checkpoint") -> Iterator[tuple[str, str]]:
    corpus: CorpusConfig = checkpoint.requested.corpus
    yield "corpus", ", ".join("standard input" if source == "-" else source for source in corpus.corpus)
    if checkpoint.given_coding is not None:
        yield "given", f"{corpus.given}, {checkpoint.given_coding.name}"
    yield "split", (
        f"{corpus.valid_fraction:.0%} of the corpus for validation" if corpus.valid is None
        else f"{corpus.valid} for validation"
    )  # fmt: skip


def _budget(checkpoint: "Checkpoint") -> str:
    budget = checkpoint.config.budget
    given = ", ".join(f"{flag(name)} {value}" for name in BUDGETS if (value := getattr(budget, name)) is not None)
    return f"{given}; stops after {counted(budget.patience, 'validation')} without improvement"


def _training(checkpoint: "Checkpoint", figures: "Figures", log: Log) -> str:
    """Return how long the run was trained, as its log shows, or the checkpoint if there is no log."""
    last: Mapping[str, Any] = log[-1] if log else {}
    step, seconds = last.get("step", figures.step), last.get("seconds", figures.seconds)
    epochs = f", {last['epoch']:.1f} epochs" if last else ""
    tokens, machine = last.get("tokens", figures.tokens), checkpoint.config.machine
    return (
        f"{counted(step, 'step')}{epochs}, {counted(tokens, 'token')} in {display.duration(seconds)} "
        f"({machine.precision} on {machine.device})"
    )


def _best_loss(figures: "Figures") -> str:
    if figures.best_valid_nats is None:
        return "none yet"
    return f"{figures.best_valid_nats:.4f} nats per token, at step {figures.best_step or 0:,}"


def _loss_row(report: "RunReport", evaluation: "Evaluation") -> tuple[str, str]:
    """Return the loss in all units, with its confidence interval."""
    loss, interval = evaluation.loss, evaluation.confidence_interval
    units = [
        f"{name.replace('_', ' ')} {value:.4g}" if name.startswith("perplexity")
        else f"{value:.4f} {name.replace('_', ' ')}"
        for name, value in loss.by_unit.items() if value is not None
    ]  # fmt: skip
    if interval is not None:
        bounds = f"{interval.low:.4f} to {interval.high:.4f}"
        units[0] += f" ({interval.level:.0%} confidence interval over {interval.over}: {bounds})"
    of, read = f"{report.num_validation_tokens:,} tokens", f"{report.num_scored:,}"
    if report.num_scored < report.num_validation_tokens:
        of = f"{read} of {of}, evenly spaced; seqgen evaluate scores all of them"
    return "validation loss of this checkpoint", f"{'; '.join(units)}; on {of}"


def _limits(checkpoint: "Checkpoint", figures: "Figures", log: Log) -> Iterator[str]:
    """Yield sentences on what the figures and the samples do not show."""
    is_best = figures.step == figures.best_step
    if is_best:
        yield _SELECTED
    validated = [record["step"] for record in log if record.get("valid_nats") is not None]
    if validated and validated[-1] == figures.best_step:
        yield "The validation loss was lowest at the last validation: the model may improve with more training."
    elif validated and figures.best_step is not None:
        step = f"step {figures.best_step:,} of {validated[-1]:,}"
        yield f"The validation loss was lowest at {step}; this model is from {'there' if is_best else figures.step}."
    if checkpoint.given_coding is None:
        yield "Samples show what the model finds likely, which may be wrong, and may be copied from the corpus."


def _date(path: Path) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(path.stat().st_mtime))
