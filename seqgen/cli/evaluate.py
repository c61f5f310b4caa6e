"""`seqgen evaluate`."""

import json
from typing import Annotated

import typer

from seqgen.cli import display
from seqgen.cli.model import CheckpointOption, JsonOption, load


def evaluate(
    checkpoint: CheckpointOption = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            help="Text the model has not seen.",
            metavar="SOURCE",
            show_default="the run's own validation part",
        ),
    ] = None,
    num_samples: Annotated[
        int, typer.Option(help="Music: draw so many samples and compare them.", metavar="N", min=0)
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Measure how well a trained model predicts a text."""
    source, loaded, model = load(checkpoint)
    from seqgen.evaluation.report import evaluate as evaluate_checkpoint

    with display.waiting("reading and scoring", is_quiet=False):
        evaluation, notes = evaluate_checkpoint(loaded, model, corpus, num_samples)
    for text in (str(source), *notes):
        display.note(text)
    if as_json:
        display.write_result(json.dumps(evaluation.to_json()) + "\n")
    else:
        display.show_evaluation(evaluation)
    if corpus is None:
        display.note("this part has helped to choose the checkpoint: --corpus scores text that the model has not seen")
