"""The picture of a run's losses."""

import io
from typing import Any

from seqgen import files
from seqgen.pictures import any_font, literal
from seqgen.training.run_folder import CURVE, RunFolder


def draw_curve(run: RunFolder) -> None:
    """Draw `curve.png` from the run's log; do nothing if the log is empty."""
    with run.optional_file(CURVE) as path:
        if records := run.read_log():
            files.replace(path, _drawn(records, run.name))


@any_font()
def _drawn(records: list[dict[str, Any]], title: str) -> bytes:
    """Return the picture as a PNG."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    _line(axes, records, "train_nats", "training", markersize=2)
    _line(axes, records, "valid_nats", "validation", markersize=5)
    axes.set(title=literal(title), xlabel="step", ylabel="nats per token")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)
    axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    return picture.getvalue()


def _line(axes: Any, records: list[dict[str, Any]], key: str, label: str, markersize: int) -> None:
    points = [(record["step"], record[key]) for record in records if record.get(key) is not None]
    axes.plot([step for step, _ in points], [nats for _, nats in points], "o-", label=label, markersize=markersize)
