"""The losses of a run, drawn."""

import io
from typing import Any

from seqgen import files
from seqgen.pictures import plain_texts
from seqgen.training.run import CURVE, Run


def draw_curve(run: Run) -> None:
    """Draw `curve.png` from the run's log; nothing where the log has nothing to draw."""
    records = run.read_log()
    if not records:
        return
    files.replace(run.folder / CURVE, _drawn(records, run.name))


@plain_texts()
def _drawn(records: list[dict[str, Any]], title: str) -> bytes:
    """Return the picture as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    _line(axes, records, "train_nats", "training", marker=None)
    _line(axes, records, "valid_nats", "validation", marker="o")
    axes.set(title=title, xlabel="step", ylabel="nats per token")
    axes.grid(alpha=0.3)
    axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    return picture.getvalue()


def _line(axes: Any, records: list[dict[str, Any]], key: str, label: str, marker: str | None) -> None:
    points = [(record["step"], record[key]) for record in records if record.get(key) is not None]
    axes.plot([step for step, _ in points], [nats for _, nats in points], label=label, marker=marker)
