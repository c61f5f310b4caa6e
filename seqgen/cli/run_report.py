"""`seqgen inspect --output report.html`: a page on what runs are like."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqgen import __version__
from seqgen.cli import display
from seqgen.cli.model import load
from seqgen.cli.model_card import model_card
from seqgen.cli.music import write_file
from seqgen.cli.progress import ShownProgress
from seqgen.config import DeviceConfig, FoldersConfig
from seqgen.pretrained import is_builtin
from seqgen.runs import BEST, LAST, PREVIOUS, find, full_name, short_names

if TYPE_CHECKING:
    from seqgen.evaluation.copied_passages import CopiedPassages
    from seqgen.evaluation.report_page import ReportedRun

_PARTS = {
    "validation": "validation loss",
    "calibration": "calibration",
    "samples": "written examples",
    "copies": "copied passages",
    "curves": "curves",
}


def report_runs(
    names: Sequence[str], output: Path, seed: int, folders: FoldersConfig, machine: DeviceConfig, *, as_json: bool
) -> None:
    """Write the page of some runs, or of the newest run if none is named, and print a table of their figures."""
    paths = [find(name, Path(folders.checkpoints_dir)) for name in names or (None,)]
    shown = short_names(paths)
    runs = [
        _reported(path, own, name or own, seed, folders, machine)
        for path, own, name in zip(paths, shown, names or (None,), strict=True)
    ]
    from seqgen.evaluation.report_page import page

    about = f"Written by seqgen {__version__} on {time.strftime('%Y-%m-%d at %H:%M')}."
    write_file(output, page(runs, about).encode(), paths[0])
    if as_json:
        display.write_result("".join(json.dumps(run.to_json(), ensure_ascii=False) + "\n" for run in runs))
    else:
        heads = ["run", "nats per token", "calibration error", "longest copy"]
        display.show_table(heads, list(map(_row, runs)))
    display.note(f"saved as {output}")


def _reported(
    path: Path, shown: str, named: str, seed: int, folders: FoldersConfig, machine: DeviceConfig
) -> "ReportedRun":
    """Return what the page shows of a checkpoint.

    Args:
        path: the file.
        shown: its name on the page.
        named: its name in commands.
        seed: of the samples.
        folders: where runs and prepared corpora are.
        machine: the device.
    """
    source, checkpoint, model = load(str(path), folders, machine)
    from seqgen.evaluation.report_page import ReportedRun, complete
    from seqgen.evaluation.run_report import RunReport
    from seqgen.training.run_folder import RunFolder

    display.note(full_name(source))
    report = RunReport.of(checkpoint, model, folders, seed, ShownProgress())
    is_run = source.name in (BEST, LAST, PREVIOUS)
    log = complete(RunFolder(source.parent, display.note).read_log()) if is_run else []
    if not log:
        is_absent = "there is no metrics.jsonl beside the checkpoint"
        report.missing["curves"] = "a built-in model comes without its log" if is_builtin(path) else is_absent
    for note in report.notes:
        display.note(note)
    for reason in dict.fromkeys(report.missing.values()):
        parts = [words for part, words in _PARTS.items() if report.missing.get(part) == reason]
        display.note(f"no {' and no '.join(parts)} of {shown}: {reason}")
    card = model_card(checkpoint, model, source, log, report)
    return ReportedRun(shown, named, checkpoint.level.name, card, log, report)


def _row(run: "ReportedRun") -> list[str]:
    report = run.report
    loss = "" if report.evaluation is None else f"{report.evaluation.loss.score.nats_per_token:.4f}"
    error = "" if report.calibration is None else f"{report.calibration.error:.1%}"
    return [run.name, loss, error, "" if report.copied is None else _longest(report.copied)]


def _longest(copied: "CopiedPassages") -> str:
    if not copied.longest:
        return f"below {copied.shortest} {copied.unit}"
    return f"{copied.longest} {copied.unit}"
