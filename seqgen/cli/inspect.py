"""`seqgen inspect`."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqgen.cli import display
from seqgen.cli.completion import run_names, sources
from seqgen.cli.model import JsonOption, load
from seqgen.cli.options import Overrides, QuietOption, options_from
from seqgen.config import READING, CorpusConfig, DeviceConfig, FoldersConfig, InspectionConfig
from seqgen.errors import CheckpointError, UsageError
from seqgen.process import load_torch

if TYPE_CHECKING:
    from seqgen.evaluation.gradient_flow import GradientFlow

STEPS_BACK = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)  # the rows of the table
PICTURE = Path("gradient-flow.png")


@options_from(
    inspection=InspectionConfig,
    reading=Overrides(CorpusConfig, READING),
    machine=DeviceConfig,
    folders=FoldersConfig,
)
def inspect(
    inspection: InspectionConfig,
    reading: dict[str, Any],
    machine: DeviceConfig,
    folders: FoldersConfig,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(
            help="Run or checkpoint file. Can be repeated.",
            metavar="NAME|FILE",
            autocompletion=run_names,
        ),
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(
            help="Text to look back on.",
            metavar="SOURCE",
            show_default="the run's own validation part",
            autocompletion=sources,
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Where to draw the gradient flow.", metavar="FILE.png")] = PICTURE,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001  # its callback has done the work
) -> None:
    """List the runs, or show a network's parameters and how far back its gradients reach.

    With --checkpoint or --cell, the norm of the gradient of the loss at one step with respect to the state so many
    steps back is printed as a table and drawn as a picture, for all networks side by side.
    """
    if corpus is not None and not checkpoint:
        raise UsageError("--corpus is what a trained model looks back on: name one with --checkpoint")
    load_torch()
    if not checkpoint and not inspection.cell:
        _list_runs(Path(folders.checkpoints_dir), as_json=as_json)
        return
    from seqgen.evaluation.gradient_flow import GradientFlow, draw
    from seqgen.evaluation.held_out import HeldOut

    flows = []
    with display.waiting("following gradients", is_quiet=False):
        for name in checkpoint or []:
            source, loaded, model = load(name, folders, machine)
            held_out = HeldOut(loaded, corpus, folders, reading)
            with held_out.encoded() as part:
                flows.append(GradientFlow.of_run(name, model, part, inspection.length))
            for text in (str(source), *held_out.notes):
                display.note(text)
        flows += [GradientFlow.untrained(cell, inspection) for cell in inspection.cell]
        draw(flows, output)
    if as_json:
        for flow in flows:
            display.write_result(
                json.dumps({"name": flow.name, "parameters": flow.parameters, "gradient_norms": flow.norms}) + "\n"
            )
    else:
        _show(flows)
    display.note(f"drawn in {output}")


def _show(flows: "list[GradientFlow]") -> None:
    for flow in flows:
        rows = [[part, f"{count:,}"] for part, count in flow.parameters.items()]
        display.show_table([flow.name, "parameters"], [*rows, ["together", f"{sum(flow.parameters.values()):,}"]])
    shown = [k for k in STEPS_BACK if k <= len(flows[0].norms)]
    rows = [[str(k), *(f"{flow.norms[k - 1]:.2e}" for flow in flows)] for k in shown]
    display.show_table(["steps back", *(flow.name for flow in flows)], rows)


def _list_runs(folder: Path, *, as_json: bool) -> None:
    """Print a line for each run, the newest first."""
    from seqgen.checkpoint import list_runs, model_file

    runs = sorted(list_runs(folder), key=lambda run: model_file(run).stat().st_mtime, reverse=True)
    if not runs:
        display.note(f"there is no run in {folder}; make one: seqgen train --corpus FILE")
    described = [_described(run.name, model_file(run)) for run in runs]
    if as_json:
        display.write_result("".join(json.dumps(run) + "\n" for run in described))
        return
    readable = [_row(run) for run in described if "error" not in run]
    if readable:
        display.show_table(
            ["run", "level", "cell", "size", "nats per token", "steps", "age"],
            readable,
        )
    for run in described:
        if "error" in run:
            display.note(run["error"])


def _row(run: dict[str, Any]) -> list[str]:
    nats = run["best_valid_nats"]
    loss = "" if nats is None else f"{nats:.4f}"
    return [run["name"], run["level"], run["cell"], run["size"], loss, f"{run['step']:,}", _age(run["age_seconds"])]


def _described(name: str, path: Path) -> dict[str, Any]:
    from seqgen.checkpoint import Checkpoint
    from seqgen.training.figures import Figures

    try:
        checkpoint = Checkpoint.read(path)
        figures = Figures.from_json(checkpoint.figures)
    except CheckpointError as error:
        return {"name": name, "error": str(error)}
    model = checkpoint.config.model
    projected = f"/{model.projection_size}" if model.projection_size else ""
    return {
        "name": name,
        "level": checkpoint.level.name,
        "cell": model.cell,
        "size": f"{model.num_layers}x{model.hidden_size}{projected}",
        "best_valid_nats": figures.best_valid_nats,
        "step": figures.step,
        "age_seconds": round(time.time() - path.stat().st_mtime),
    }


def _age(seconds: float) -> str:
    """Return an age in its largest unit."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "now"
