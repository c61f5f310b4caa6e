"""`seqgen evaluate`."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from seqgen.cli import display
from seqgen.cli.model import CheckpointOption, JsonOption, load
from seqgen.cli.options import Overrides, QuietOption, options_from
from seqgen.cli.progress import ShownProgress
from seqgen.config import READING, CorpusConfig, DeviceConfig, EvaluationConfig, FoldersConfig

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.evaluation.held_out import HeldOut
    from seqgen.model.language_model import LanguageModel


@options_from(
    evaluation=EvaluationConfig,
    reading=Overrides(CorpusConfig, READING),
    machine=DeviceConfig,
    folders=FoldersConfig,
)
def evaluate(
    evaluation: EvaluationConfig,
    reading: dict[str, Any],
    machine: DeviceConfig,
    folders: FoldersConfig,
    checkpoint: CheckpointOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001  # its callback has done the work
) -> None:
    """Measure how well a trained model predicts a text."""
    source, loaded, model = load(checkpoint, folders, machine)
    from seqgen.evaluation.held_out import HeldOut

    display.note(str(source))
    with display.waiting("reading", is_quiet=False):
        held_out = HeldOut(loaded, evaluation.corpus, folders, reading)
    if evaluation.per_document or evaluation.per_token:
        _list(loaded, model, held_out, evaluation)
    else:
        _report(loaded, model, held_out, evaluation, as_json=as_json)
    if evaluation.corpus is None:
        display.note("this validation set selected the checkpoint: --corpus scores text that the model has not seen")


def _report(
    checkpoint: "Checkpoint", model: "LanguageModel", held_out: "HeldOut", config: EvaluationConfig, *, as_json: bool
) -> None:
    from seqgen.evaluation.report import evaluate as evaluate_checkpoint

    evaluation, notes = evaluate_checkpoint(checkpoint, model, held_out, config, ShownProgress())
    for text in notes:
        display.note(text)
    if as_json:
        display.write_result(json.dumps(evaluation.to_json()) + "\n")
    else:
        display.show_evaluation(evaluation)


def _list(checkpoint: "Checkpoint", model: "LanguageModel", held_out: "HeldOut", config: EvaluationConfig) -> None:
    from seqgen.evaluation.listing import by_document, by_token

    progress = ShownProgress()
    lines: Iterable[dict[str, Any]] = (
        by_token(model, checkpoint, held_out, progress) if config.per_token else by_document(model, held_out, progress)
    )
    for line in lines:
        display.write_result(json.dumps(line) + "\n")
    for text in held_out.notes:
        display.note(text)
