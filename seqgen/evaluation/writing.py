"""What a conditional model writes for the givens of a text, compared with references and baselines."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from seqgen.checkpoint import Checkpoint
from seqgen.corpus.documents import Document
from seqgen.corpus.signals import SignalDocument
from seqgen.corpus.split import TRAIN
from seqgen.encoders.base import Signal, SignalCoding
from seqgen.evaluation.held_out import HeldOut
from seqgen.evaluation.nearest import nearest_signal_targets
from seqgen.evaluation.progress import SILENT, Progress
from seqgen.evaluation.same_output import SameOutput
from seqgen.evaluation.transcription import Transcript, Transcription, measure, measure_baselines
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.fusion import Fusion
from seqgen.sampling.transcriber import Transcriber

MAX_GIVENS = 10_000  # that are written: the nearest-pair baseline compares each of them with every training pair


@dataclass(frozen=True)
class WritingReport:
    """How good the most likely texts of a model are.

    Attributes:
        model: the figures of the model.
        num_givens: the number of different givens, of which at most about `MAX_GIVENS` are written.
        baselines: the figures of baselines by name, see `measure_baselines`; empty if the training set is missing.
        same_output: the wrong output that most givens got.
        share_in_training: the share of the givens that occur in the training set; None if that is missing.
    """

    model: Transcription
    num_givens: int
    baselines: dict[str, Transcription] = field(default_factory=dict)
    same_output: SameOutput | None = None
    share_in_training: float | None = None

    @property
    def notes(self) -> list[str]:
        """Warnings for the user."""
        notes = self.same_output.notes if self.same_output is not None else []
        if self.model.num_givens < self.num_givens:
            notes.append(f"wrote {self.model.num_givens:,} of {self.num_givens:,} givens, evenly spaced")
        if self.share_in_training:
            share = f"{self.share_in_training:.1%} of the givens occur in the training set"
            notes.append(f"{share}: others may be harder")
        return notes

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        content = self.model.to_json()
        if self.share_in_training is not None:
            content["share_in_training"] = self.share_in_training
        if self.same_output is not None:
            content["same_output"] = self.same_output.to_json()
        return content | {name: figures.to_json() for name, figures in self.baselines.items()}


def report_on_writing(
    checkpoint: Checkpoint,
    model: LanguageModel,
    held_out: HeldOut,
    progress: Progress = SILENT,
    fusion: Fusion | None = None,
) -> WritingReport:
    """Write a text for each given by beam search, and compare it with all texts that have this given.

    Args:
        checkpoint: the checkpoint of a conditional model.
        model: its model.
        held_out: the pairs.
        progress: receives the progress.
        fusion: a language model that is added to the scores of the search; None for none.
    """
    references = references_of(held_out)
    num_givens = len(references)
    references = evenly_spaced(references)
    transcripts = transcribe(checkpoint, model, references, progress, fusion)
    figures, same_output = measure(transcripts), SameOutput.of(transcripts)
    if isinstance(checkpoint.given_coding, SignalCoding):
        writer = Transcriber.of(checkpoint, model)
        baselines = _nearest_signals(writer, list(references), transcripts, held_out, progress)
        return WritingReport(figures, num_givens, baselines, same_output)
    if held_out.run.missing is not None:
        return WritingReport(figures, num_givens, same_output=same_output)
    known: set[str] = set()

    def training() -> Iterator[tuple[str, str]]:
        """Yield the training pairs, and note which givens occur among them: the training set is read only once."""
        for given, text in pairs_of(held_out.run.documents(TRAIN)):
            assert isinstance(given, str)  # noqa: S101  # signals have no baselines
            if given in references:
                known.add(given)
            yield given, text

    baselines = measure_baselines(transcripts, training(), progress)
    return WritingReport(figures, num_givens, baselines, same_output, len(known) / len(references))


def references_of(held_out: HeldOut) -> dict[str | Signal, list[str]]:
    """Return the texts of each given."""
    references: dict[str | Signal, list[str]] = {}
    for given, text in pairs_of(held_out.documents()):
        references.setdefault(given, []).append(text)
    return references


def evenly_spaced(references: dict[str | Signal, list[str]]) -> dict[str | Signal, list[str]]:
    """Return at most about `MAX_GIVENS` of the givens with their texts."""
    return dict(islice(references.items(), 0, None, -(-len(references) // MAX_GIVENS)))


def transcribe(
    checkpoint: Checkpoint,
    model: LanguageModel,
    references: Mapping[str | Signal, Sequence[str]],
    progress: Progress = SILENT,
    fusion: Fusion | None = None,
) -> list[Transcript]:
    """Return the most likely text for each given, with its references."""
    written = write(checkpoint, model, list(references), progress, fusion)
    return [
        Transcript(given if isinstance(given, str) else given.name, tuple(texts), output)
        for (given, texts), output in zip(references.items(), written, strict=True)
    ]


def _nearest_signals(
    writer: Transcriber,
    signals: Sequence[str | Signal],
    transcripts: Sequence[Transcript],
    held_out: HeldOut,
    progress: Progress,
) -> dict[str, Transcription]:
    """Return the figures of the texts of the nearest training signals; none if the training set is missing."""
    if not held_out.run.is_encoded:
        return {}
    with held_out.run.encoded(TRAIN) as train:
        given = train.given
        assert given is not None  # noqa: S101  # these are pairs
        training = ((given.document(i), writer.level.decode(train.document(i))) for i in range(train.num_documents))
        texts = nearest_signal_targets(list(map(writer.rows, signals)), training, progress)
    answers = [replace(each, written=text) for each, text in zip(transcripts, texts, strict=True)]
    return {"nearest": measure(answers)}


def write(
    checkpoint: Checkpoint,
    model: LanguageModel,
    givens: Sequence[str | Signal],
    progress: Progress = SILENT,
    fusion: Fusion | None = None,
) -> list[str]:
    """Return the most likely text for each given."""
    with progress.task("writing", len(set(givens))) as task:
        found = Transcriber.of(checkpoint, model, fusion).best(givens, progress=task.advance)
    return [texts[0].text if texts else "" for texts in found]


def pairs_of(documents: Iterator[Document[str]]) -> Iterator[tuple[str | Signal, str]]:
    """Yield what each document is given, and its text."""
    for document in documents:
        assert document.given is not None  # noqa: S101  # these are pairs
        given = document.given
        content = given.signal if isinstance(given, SignalDocument) else "".join(given.chunks())
        yield content, "".join(document.chunks())
