"""`seqgen evaluate`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.text import Text

from seqgen.cli import display
from seqgen.cli.comparison import load_contenders, refuse_for_several, report_comparison
from seqgen.cli.language_model import load_fusion
from seqgen.cli.model import EvaluatedOption, JsonOption, load
from seqgen.cli.options import Overrides, QuietOption, options_from
from seqgen.cli.progress import ShownProgress
from seqgen.cli.writing import show_writing
from seqgen.config import READING, CorpusConfig, DeviceConfig, EvaluationConfig, FoldersConfig
from seqgen.runs import full_name
from seqgen.wording import counted

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.evaluation.copying import Copied
    from seqgen.evaluation.held_out import HeldOut
    from seqgen.evaluation.music import MusicReport
    from seqgen.evaluation.report import Evaluation
    from seqgen.evaluation.text import TextReport, Verbatim
    from seqgen.model.language_model import LanguageModel
    from seqgen.sampling.fusion import Fusion

COPY_SHOWN = 60  # characters
PREDICTORS = {
    "model": "the model",
    "dynamic": "dynamic evaluation (--dynamic)",
    "cache": "with a cache (--cache)",
    "mixture": "mixture with n-grams",
    "ngram": "n-grams",
    "xz": "xz",
    "bz2": "bz2",
}


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
    checkpoint: EvaluatedOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001  # its callback does the work
) -> None:
    """Measure how well a trained model predicts a text, or compare several models on it."""
    names = checkpoint or []
    if len(names) > 1:
        _compare(names, evaluation, reading, machine, folders, as_json=as_json)
        return
    source, loaded, model = load(names[0] if names else None, folders, machine)
    from seqgen.evaluation.held_out import HeldOut

    display.note(full_name(source))
    with display.waiting("reading", is_quiet=False):
        held_out = HeldOut(loaded, evaluation.corpus, folders, reading)
    fusion = load_fusion(evaluation, loaded, model, folders, machine)
    if evaluation.per_document or evaluation.per_token:
        _list(loaded, model, held_out, evaluation, fusion)
    else:
        _report(loaded, model, held_out, evaluation, fusion, as_json=as_json)
    if evaluation.corpus is None:
        display.note("this validation set selected the checkpoint: --corpus scores text that the model has not seen")


def _compare(
    names: list[str],
    evaluation: EvaluationConfig,
    reading: dict[str, Any],
    machine: DeviceConfig,
    folders: FoldersConfig,
    *,
    as_json: bool,
) -> None:
    """Compare several models on a text, which is read as the run of the first one reads it."""
    refuse_for_several(evaluation)
    contenders = load_contenders(names, folders, machine)
    from seqgen.evaluation.held_out import HeldOut

    with display.waiting("reading", is_quiet=False):
        held_out = HeldOut(contenders[0].checkpoint, evaluation.corpus, folders, reading)
    report_comparison(contenders, held_out, as_json=as_json)


def _report(
    checkpoint: "Checkpoint",
    model: "LanguageModel",
    held_out: "HeldOut",
    config: EvaluationConfig,
    fusion: "Fusion | None",
    *,
    as_json: bool,
) -> None:
    from seqgen.evaluation.report import evaluate as evaluate_checkpoint

    evaluation, notes = evaluate_checkpoint(checkpoint, model, held_out, config, ShownProgress(), fusion)
    for text in notes:
        display.note(text)
    if as_json:
        display.write_result(json.dumps(evaluation.to_json()) + "\n")
    else:
        _show(evaluation)


def _list(
    checkpoint: "Checkpoint",
    model: "LanguageModel",
    held_out: "HeldOut",
    config: EvaluationConfig,
    fusion: "Fusion | None",
) -> None:
    from seqgen.evaluation.listing import by_document, by_token

    progress = ShownProgress()
    lines: Iterable[dict[str, Any]]
    if config.per_token:
        lines = by_token(model, checkpoint, held_out, progress)
    else:
        lines = by_document(model, checkpoint, held_out, progress, fusion)
    for line in lines:
        display.write_result(json.dumps(line, ensure_ascii=False) + "\n")
    for text in held_out.notes:
        display.note(text)


def _show(evaluation: "Evaluation") -> None:
    """Print the losses of the model and of what it is compared with, and what samples are like."""
    losses, out = evaluation.losses, display.results()
    units = list(losses["model"])
    out.print(Text(display.visible(evaluation.name), style="bold"))
    out.print(", ".join(f"{display.number(amount)} {unit}" for unit, amount in evaluation.loss.amounts.items()))
    rows = [
        [PREDICTORS[name], *(display.number(loss[unit]) if unit in loss else "" for unit in units)]
        for name, loss in losses.items()
    ]
    display.show_table(["", *map(_words, units)], rows)
    if (interval := evaluation.confidence_interval) is not None:
        bounds = f"{display.number(interval.low)} to {display.number(interval.high)}"
        out.print(f"{interval.level:.0%} confidence (over {interval.over}): {bounds} nats per token")
    if evaluation.writing is not None:
        show_writing(evaluation.writing)
    if (overlap := evaluation.overlap) is not None:
        shares = (
            f"{overlap.training:.1%} of the text in the training set, {overlap.validation:.1%} in the validation set"
        )
        out.print(f"overlap: {shares}")
    if (dynamic := evaluation.dynamic) is not None:
        out.print(f"{PREDICTORS['dynamic']}: {_settings(asdict(dynamic.settings))}")
    if (cache := evaluation.cache) is not None:
        out.print(f"{PREDICTORS['cache']}: {_settings({'window': cache.window, **asdict(cache.settings)})}")
    if (baselines := evaluation.baselines) is not None:
        mixed = "" if baselines.mixture is None else f", weight {baselines.mixture.weight:.2f} in the mixture"
        out.print(f"{PREDICTORS['ngram']}: order {baselines.order}{mixed}")
    if evaluation.music is not None:
        _show_music(evaluation.music)
    if evaluation.copying is not None:
        _show_copying(evaluation.copying)


def _show_copying(report: "TextReport") -> None:
    """Print what samples of text have in common with the training set, beside held-out text."""
    searched = f"{report.training_characters:,} characters of the training set"
    display.results().print(f"\n{counted(report.num_samples, 'sample')}, searched for in {searched}")
    _show_verbatim("samples", report.samples)
    _show_verbatim("held out", report.held_out)


def _show_verbatim(name: str, found: "Verbatim") -> None:
    new = "" if found.new_share is None else f"{found.new_share:.1%} of {found.ngram}-grams are new, "
    size, copy = counted(found.characters, "character"), counted(len(found.longest), "character")
    more = "..." if len(found.longest) > COPY_SHOWN else ""
    shown = f"{found.longest[:COPY_SHOWN]!r}{more}"
    display.results().print(display.visible(f"{name}: {size}, {new}the longest copy is {copy}: {shown}"))


def _show_music(report: "MusicReport") -> None:
    """Print what samples of music are like, beside held-out music."""
    samples, valid = counted(report.num_samples, "sample"), f"{report.valid_share:.0%}"
    display.results().print(f"\n{samples}; without the grammar, {valid} of samples are valid")
    sets, overlaps = report.comparison, (report.comparison.overlaps, report.comparison.reference)
    _show_pairs(["", "samples", "held out"], asdict(sets.samples), asdict(sets.held_out))
    _show_pairs(["overlap of", "samples with held out", "held out with training"], *map(asdict, overlaps))
    _show_copied("samples", report.copying.samples)
    _show_copied("held out", report.copying.held_out)


def _show_copied(name: str, copied: "Copied") -> None:
    text = f"{name}: {copied.share_found or 0:.1%} of melodic {copied.n}-grams occur in the training set"
    if (run := copied.longest) is not None:
        places = f"{run.sample} bar {run.sample_place}, {run.source} bar {run.source_place}"
        text += f", the longest match is {counted(run.length, 'interval')} ({places})"
    display.results().print(display.visible(text))


def _show_pairs(heads: list[str], first: Mapping[str, float | None], second: Mapping[str, float | None]) -> None:
    rows = [[_words(name), display.number(first[name]), display.number(second[name])] for name in first]
    display.show_table(heads, rows)
    display.results().print()


def _settings(values: Mapping[str, float]) -> str:
    return ", ".join(f"{_words(name)} {value}" for name, value in values.items())


def _words(name: str) -> str:
    return name.replace("_", " ")
