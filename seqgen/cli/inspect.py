"""`seqgen inspect`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqgen import pretrained
from seqgen.cli import display
from seqgen.cli.attention import inspect_attention
from seqgen.cli.completion import sources
from seqgen.cli.description import Description
from seqgen.cli.model import InspectedOption, JsonOption, load
from seqgen.cli.options import Overrides, QuietOption, options_from
from seqgen.cli.outputs import refuse_no_file
from seqgen.cli.run_report import report_runs
from seqgen.cli.surprisal import inspect_text
from seqgen.config import READING, CorpusConfig, DeviceConfig, FoldersConfig, InspectionConfig
from seqgen.errors import CheckpointError, CorpusError, UsageError
from seqgen.options import flag
from seqgen.process import load_torch

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.evaluation.gradient_flow import GradientFlow
    from seqgen.model.language_model import LanguageModel

STEPS_BACK = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # the rows of the table
PICTURE, ATTENTION = Path("gradient-flow.png"), Path("attention.png")
PAGE = ".html"


@options_from(
    inspection=InspectionConfig,
    reading=Overrides(CorpusConfig, tuple(name for name in READING if name != "given")),
    machine=DeviceConfig,
    folders=FoldersConfig,
)
def inspect(
    inspection: InspectionConfig,
    reading: dict[str, Any],
    machine: DeviceConfig,
    folders: FoldersConfig,
    checkpoint: InspectedOption = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            help="Text or music on which gradients are computed.",
            metavar="SOURCE",
            show_default="the validation set of the run",
            autocompletion=sources,
        ),
    ] = None,
    given: Annotated[
        str | None,
        typer.Option(
            help="Show which parts of this text, or of the text, image, recording or strokes in @FILE, the model "
            "attends to while it writes, or where it reads each token; for models that were trained with --given.",
            metavar="TEXT|@FILE",
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            help="Show how well each token of this text, or of the text or music in @FILE, is predicted, and with "
            "--output what the units of the network do, and which earlier tokens it attends to.",
            metavar="TEXT|@FILE",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="File for the picture, or for a page: a report on the runs, or what --text shows.",
            metavar="FILE.png|FILE.html",
            show_default=f"{PICTURE}, or {ATTENTION} with --given, or no page with --text",
        ),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001  # its callback does the work
) -> None:
    """List runs, report on them, or show how far back in time gradients reach and what is predicted in a text.

    With --output FILE.html, write a report on the runs of --checkpoint: model card, curves, samples, calibration and
    copied passages. With --checkpoint or --cell, print and draw the norm of the gradient of the loss at one time step
    with respect to the states of earlier steps, side by side for all networks. With --given, print and draw the
    attention of a conditional model instead. With --text, print a text coloured by surprisal, and with --output write a
    page that also shows the units of the network and its attention. Without them, list the runs.
    """
    _refuse_misuse(checkpoint or [], inspection, corpus, given, text)
    if output is not None:
        _refuse_output(output, given, text)
    load_torch()
    name = next(iter(checkpoint or ()), None)
    if text is not None:
        inspect_text(name, text, output, folders, machine, as_json=as_json)
        return
    if given is not None:
        inspect_attention(name, given, output or ATTENTION, folders, machine, as_json=as_json)
        return
    if output is not None and output.suffix.lower() == PAGE:
        _refuse_in_report(output, inspection, corpus, reading)
        report_runs(checkpoint or [], output, inspection.seed, folders, machine, as_json=as_json)
        return
    if not checkpoint and not inspection.cell:
        _list_runs(Path(folders.checkpoints_dir), as_json=as_json)
        return
    described = _described(checkpoint or [], inspection, corpus, folders, machine, reading)
    drawn = [flow for _, flow in described if flow.norms]
    if drawn:
        _draw(drawn, output or PICTURE)
    for description, flow in described:
        if as_json:
            _write_json(description, flow)
        else:
            _show(description, flow)
    if drawn and not as_json:
        _show_norms(drawn)
    display.note(f"saved as {output or PICTURE}" if drawn else "no picture was drawn")


def _refuse_misuse(
    checkpoints: list[str], inspection: InspectionConfig, corpus: str | None, given: str | None, text: str | None
) -> None:
    """Reject options that cannot be combined."""
    if corpus is not None and not checkpoints:
        raise UsageError(
            "--corpus needs --checkpoint: it is the text on which gradients of a trained model are computed"
        )
    if given is not None and text is not None:
        raise UsageError("--text and --given cannot be combined: give only one of them")
    if (given is not None or text is not None) and (inspection.cell or corpus is not None or len(checkpoints) > 1):
        option = "--text" if given is None else "--given"
        raise UsageError(f"{option} is for one --checkpoint, without --cell and --corpus")


def _refuse_output(output: Path, given: str | None, text: str | None) -> None:
    """Reject an output that cannot be written, or whose suffix is that of another kind of output."""
    if text is not None and output.suffix.lower() != PAGE:
        raise UsageError(f"--output {output}: --text writes a page, whose name must end in .html")
    if given is not None and output.suffix.lower() != PICTURE.suffix:
        raise UsageError(f"--output {output}: --given draws a picture, whose name must end in .png")
    if output.suffix.lower() not in (PICTURE.suffix, PAGE):
        raise UsageError(f"--output {output}: the name must end in .png for a picture, or in .html for a report")
    refuse_no_file(output)


def _refuse_in_report(output: Path, inspection: InspectionConfig, corpus: str | None, reading: dict[str, Any]) -> None:
    """Reject options that a report does not have."""
    plain = InspectionConfig()
    for name in ("cell", "length", "num_layers", "hidden_size", "initial_weights"):
        if getattr(inspection, name) != getattr(plain, name):
            raise UsageError(
                f"--output {output} is a report on trained models: omit {flag(name)}, or name a picture, FILE.png"
            )
    if corpus is not None or reading:
        option = "--corpus" if corpus is not None else flag(next(iter(reading)))
        raise UsageError(f"--output {output} is a report on the run's own corpus: omit {option}")


def _described(
    checkpoints: list[str],
    inspection: InspectionConfig,
    corpus: str | None,
    folders: FoldersConfig,
    machine: DeviceConfig,
    reading: dict[str, Any],
) -> "list[tuple[Description | None, GradientFlow]]":
    """Return the gradient flow of each network, with a description of those that are trained."""
    from seqgen.evaluation.gradient_flow import GradientFlow
    from seqgen.model.hardware import resolve_device
    from seqgen.runs import find, short_names

    device = resolve_device(machine.device)
    described: list[tuple[Description | None, GradientFlow]] = []
    with display.waiting("computing gradients", is_quiet=False):
        paths = [find(checkpoint, Path(folders.checkpoints_dir)) for checkpoint in checkpoints]
        for name, path in zip(short_names(paths), paths, strict=True):
            source, loaded, model = load(str(path), folders, machine)
            flow = _flow_of_run(name, loaded, model, corpus, folders, reading, inspection.length)
            described.append((Description.of(name, source, loaded), flow))
        described += [(None, GradientFlow.untrained(cell, inspection, device)) for cell in inspection.cell]
    return described


def _draw(flows: "list[GradientFlow]", path: Path) -> None:
    from seqgen.evaluation.gradient_flow import draw

    draw(flows, path)


def _flow_of_run(
    name: str,
    checkpoint: "Checkpoint",
    model: "LanguageModel",
    corpus: str | None,
    folders: FoldersConfig,
    reading: dict[str, Any],
    length: int,
) -> "GradientFlow":
    """Return the gradient flow of a trained model, without norms if its corpus is missing and no other is given."""
    from seqgen.evaluation.gradient_flow import GradientFlow
    from seqgen.evaluation.held_out import HeldOut

    if checkpoint.given_coding is not None:
        display.note(f"no gradient flow of {name}: it writes from something given; --given shows its attention")
        return GradientFlow(name, model.parameters_by_layer)
    try:
        held_out = HeldOut(checkpoint, corpus, folders, reading)
    except CorpusError as error:
        if corpus is not None:
            raise
        display.note(f"no gradient flow of {name}: {error}")
        return GradientFlow(name, model.parameters_by_layer)
    with held_out.encoded() as dataset:
        flow = GradientFlow.of_run(name, model, dataset, length)
    for text in held_out.notes:
        display.note(text)
    return flow


def _write_json(description: Description | None, flow: "GradientFlow") -> None:
    """Print one line of JSON."""
    own = {"name": flow.name} if description is None else description.to_json()
    figures = {"parameters": flow.parameters, "gradient_norms": flow.norms}
    display.write_result(json.dumps(own | figures) + "\n")


def _show(description: Description | None, flow: "GradientFlow") -> None:
    """Print the description and the parameters of a network."""
    if description is not None:
        display.show_table([flow.name, ""], description.rows)
    rows = [[part, f"{count:,}"] for part, count in flow.parameters.items()]
    display.show_table([flow.name, "parameters"], [*rows, ["total", f"{sum(flow.parameters.values()):,}"]])


def _show_norms(flows: "list[GradientFlow]") -> None:
    shown = [k for k in STEPS_BACK if k <= len(flows[0].norms)]
    rows = [[str(k), *(f"{flow.norms[k - 1]:.2e}" for flow in flows)] for k in shown]
    display.show_table(["steps back", *(flow.name for flow in flows)], rows)


def _list_runs(folder: Path, *, as_json: bool) -> None:
    """Print one line per run, the newest first; unreadable ones are reported."""
    from seqgen.checkpoint import Checkpoint
    from seqgen.runs import list_runs, model_file

    paths = sorted(map(model_file, list_runs(folder)), key=lambda path: path.stat().st_mtime, reverse=True)
    if not paths:
        display.note(
            f"there are no runs in {folder}; train a model with: seqgen train --corpus FILE, or use a built-in one: "
            f"{', '.join(pretrained.names())}"
        )
    described: list[Description] = []
    for path in paths:
        try:
            described.append(Description.of(path.parent.name, path, Checkpoint.read(path)))
        except CheckpointError as error:
            display.note(str(error))
            if as_json:
                display.write_result(json.dumps({"name": path.parent.name, "error": str(error)}) + "\n")
            continue
        if as_json:
            display.write_result(json.dumps(described[-1].to_json()) + "\n")
    if described and not as_json:
        heads = ["run", "level", "cell", "size", "nats per token", "steps", "age"]
        display.show_table(heads, [description.summary for description in described])
