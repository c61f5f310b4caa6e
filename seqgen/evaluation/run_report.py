"""What the page of `seqgen inspect --output report.html` shows of a run: loss, calibration, samples, and copies."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch

from seqgen.checkpoint import Checkpoint
from seqgen.config import FoldersConfig
from seqgen.corpus.dataset import Dataset
from seqgen.corpus.split import VALID
from seqgen.encoders.base import SignalCoding
from seqgen.evaluation.calibration import Calibration
from seqgen.evaluation.copied_passages import CopiedPassages
from seqgen.evaluation.drawn_samples import DrawnSample, draw_samples
from seqgen.evaluation.held_out import SELECTED
from seqgen.evaluation.likelihood import Likelihood, estimate, surprisals
from seqgen.evaluation.loss_units import Loss
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.report import Evaluation
from seqgen.evaluation.run_corpus import RunCorpus
from seqgen.levels.base import TextLevel
from seqgen.model.ctc import CtcModel
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.transcriber import Transcriber

MAX_SCORED = 100_000  # tokens of the validation set on which the loss is computed
MAX_CALIBRATION = 20_000  # tokens of the validation set whose predictions are counted
_NUM_PAIRS = 8  # that a conditional model writes


class WrittenPair(NamedTuple):
    """A pair of the validation set, and what the model writes.

    Attributes:
        given: what the text is given.
        reference: the text.
        output: the most likely text.
    """

    given: str
    reference: str
    output: str


@dataclass(frozen=True)
class RunReport:
    """What is measured of a run. Parts that cannot be computed are None or empty, with a reason in `missing`.

    Attributes:
        num_validation_tokens: the number of tokens of the validation set.
        num_scored: the number of those on which the loss is computed.
        evaluation: the loss; estimated from evenly spaced tokens if there are more than `MAX_SCORED`.
        calibration: on about `MAX_CALIBRATION` evenly spaced tokens if there are more.
        drawn: samples, of a model that is given nothing.
        copied: what the samples have in common with the training set.
        pairs: what a model that is given something writes for pairs of the validation set.
        missing: why parts are missing, by `validation`, `calibration`, `samples`, `copies` or `curves`.
        notes: what the user should know about the corpus.
    """

    num_validation_tokens: int = 0
    num_scored: int = 0
    evaluation: Evaluation | None = None
    calibration: Calibration | None = None
    drawn: list[DrawnSample] = field(default_factory=list)
    copied: CopiedPassages | None = None
    pairs: list[WrittenPair] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        model: LanguageModel,
        folders: FoldersConfig,
        seed: int,
        progress: Progress = SILENT,
    ) -> "RunReport":
        """Measure a run.

        Args:
            checkpoint: its checkpoint.
            model: the model of the checkpoint.
            folders: where prepared corpora are kept.
            seed: seed of each sample.
            progress: receives the progress.

        Raises:
            CheckpointError: the model gives no likelihoods.
        """
        run = RunCorpus(checkpoint, folders)
        report = _on_validation(checkpoint, model, run, progress)
        if checkpoint.given_coding is None:
            report = _with_samples(report, checkpoint, model, run, seed, progress)
        return replace(report, notes=run.notes)


def _on_validation(checkpoint: Checkpoint, model: LanguageModel, run: RunCorpus, progress: Progress) -> RunReport:
    """Return what is measured on the validation set."""
    if not run.is_encoded:
        parts = ["validation", "calibration", *(["samples"] if checkpoint.given_coding is not None else [])]
        return RunReport(missing=dict.fromkeys(parts, run.missing or ""))
    with run.encoded(VALID) as valid:
        report = RunReport(valid.num_targets, *_evaluation(model, valid, progress))
        if isinstance(model, CtcModel):
            reason = "a model without a decoder (ctc) predicts whole texts, not one token after the other"
            report = replace(report, missing={"calibration": reason})
        else:
            report = replace(report, calibration=Calibration.of(model, valid, MAX_CALIBRATION, progress))
        if checkpoint.given_coding is not None:
            report = replace(report, pairs=_written_pairs(checkpoint, model, valid, progress))
    return report


def _evaluation(model: LanguageModel, valid: Dataset, progress: Progress) -> tuple[int, Evaluation]:
    """Return the number of tokens on which the loss is computed, and the loss, of a large set without an interval."""
    if valid.num_targets <= MAX_SCORED:
        return valid.num_targets, Evaluation.of(surprisals(model, valid, progress=progress), valid, SELECTED)
    with progress.task("scoring", MAX_SCORED) as task:
        score = estimate(model, valid, torch.float32, MAX_SCORED, task=task)
    whole = Likelihood(score.nats_per_token * valid.num_targets, valid.num_targets)
    return score.tokens, Evaluation(SELECTED, Loss(whole, valid.extent))


def _with_samples(
    report: RunReport, checkpoint: Checkpoint, model: LanguageModel, run: RunCorpus, seed: int, progress: Progress
) -> RunReport:
    """Return the report with samples, and with what they copy if the training set still exists."""
    report = replace(report, drawn=draw_samples(checkpoint, model, seed, progress))
    if run.missing is not None:
        return replace(report, missing={**report.missing, "copies": run.missing})
    return replace(report, copied=CopiedPassages.of(run, report.drawn, progress))


def _written_pairs(
    checkpoint: Checkpoint, model: LanguageModel, valid: Dataset, progress: Progress
) -> list[WrittenPair]:
    """Return evenly spaced pairs of the validation set with the most likely texts."""
    writer, given, given_coding = Transcriber.of(checkpoint, model), valid.given, checkpoint.given_coding
    assert given is not None and isinstance(given_coding, TextLevel | SignalCoding)  # noqa: S101, PT018  # pairs
    count = min(_NUM_PAIRS, valid.num_documents)
    places = np.linspace(0, valid.num_documents - 1, count).astype(np.int64).tolist()
    rows = [given.document(place) for place in places]
    with progress.task("writing", count) as task:
        written = writer.best_of_rows(rows, progress=task.advance)
    return [
        WrittenPair(given_coding.shown(row), writer.level.decode(valid.document(place)), best[0].text if best else "")
        for row, place, best in zip(rows, places, written, strict=True)
    ]
