"""`seqgen evaluate`."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from seqgen.cli import display
from seqgen.cli.model import CheckpointOption, JsonOption, load
from seqgen.cli.options import options_from
from seqgen.config import EvaluationConfig

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.model.language_model import LanguageModel


@options_from(evaluation=EvaluationConfig)
def evaluate(
    evaluation: EvaluationConfig,
    checkpoint: CheckpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how well a trained model predicts a text."""
    source, loaded, model = load(checkpoint)
    display.note(str(source))
    if evaluation.per_document or evaluation.per_token:
        _list(loaded, model, evaluation)
    else:
        _report(loaded, model, evaluation, as_json=as_json)
    if evaluation.corpus is None:
        display.note("this part has helped to choose the checkpoint: --corpus scores text that the model has not seen")


def _report(checkpoint: "Checkpoint", model: "LanguageModel", config: EvaluationConfig, *, as_json: bool) -> None:
    from seqgen.evaluation.report import evaluate as evaluate_checkpoint

    with display.waiting("reading and scoring", is_quiet=False):
        evaluation, notes = evaluate_checkpoint(checkpoint, model, config)
    for text in notes:
        display.note(text)
    if as_json:
        display.write_result(json.dumps(evaluation.to_json()) + "\n")
    else:
        display.show_evaluation(evaluation)


def _list(checkpoint: "Checkpoint", model: "LanguageModel", config: EvaluationConfig) -> None:
    from seqgen.evaluation.held_out import HeldOut
    from seqgen.evaluation.listing import by_document, by_token

    held_out = HeldOut(checkpoint, config.corpus)
    for text in held_out.notes:
        display.note(text)
    lines: Iterable[dict[str, Any]] = (
        by_token(model, checkpoint, held_out) if config.per_token else by_document(model, held_out)
    )
    for line in lines:
        display.write_result(json.dumps(line) + "\n")
