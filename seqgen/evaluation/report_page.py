"""The page of `seqgen inspect --output report.html`: what runs are like, in one file that needs no network."""

import math
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqgen.evaluation.copied_passages import CopiedPassages
from seqgen.evaluation.drawn_samples import DrawnSample
from seqgen.evaluation.page import assembled
from seqgen.evaluation.piano_roll import roll
from seqgen.evaluation.run_report import RunReport
from seqgen.levels.note import NoteLevel
from seqgen.music.score import Score
from seqgen.music.tempos import seconds_at

_AXES = ("step", "epoch", "seconds", "tokens")
CURVES = (*_AXES, "train_nats", "valid_nats", "learning_rate")
_MAX_POINTS = 2000  # of a curve; longer ones are thinned out, except validations
_DECIMALS = 3  # of seconds
_DIGITS = 6  # of a value of a curve


@dataclass(frozen=True)
class ModelCard:
    """The facts about a run.

    Attributes:
        rows: names and values.
        command: the command with which it was trained.
        limits: sentences on what its figures and samples do not show.
    """

    rows: Sequence[tuple[str, str]]
    command: str
    limits: Sequence[str]


@dataclass(frozen=True)
class ReportedRun:
    """A run on the page.

    Attributes:
        name: the name that is shown.
        checkpoint: the name by which commands find it.
        level: the type of token.
        card: the facts about it.
        log: its complete records of training, see `complete`; empty for a checkpoint without them.
        report: what was measured.
    """

    name: str
    checkpoint: str
    level: str
    card: ModelCard
    log: Sequence[Mapping[str, Any]]
    report: RunReport

    def to_json(self) -> dict[str, Any]:
        """Return the data of the page as plain JSON values."""
        report = self.report
        return {
            "name": self.name,
            "level": self.level,
            "isMusic": self.level == NoteLevel.name,
            "card": {"rows": self.card.rows, "command": self.card.command, "limits": self.card.limits},
            "log": _curves(self.log),
            "units": _units(report),
            "samples": list(self._samples()),
            "calibration": report.calibration and report.calibration.to_json(),
            "numValidationTokens": report.num_validation_tokens,
            "copied": report.copied and _copied(report.copied),
            "pairs": [pair._asdict() for pair in report.pairs],
            "missing": report.missing,
        }

    def _samples(self) -> Iterator[dict[str, Any]]:
        copied = self.report.copied
        for place, drawn in enumerate(self.report.drawn):
            yield {
                "temperature": drawn.config.temperature,
                "command": _command(self.checkpoint, drawn),
                "tokens": drawn.sample.tokens,
                "nats": drawn.sample.nats / max(1, drawn.sample.tokens),
                "isCut": drawn.sample.is_cut,
                **({"text": drawn.content} if isinstance(drawn.content, str) else {"music": _music(drawn.content)}),
                "copies": [] if copied is None else [copy.to_json() for copy in copied.found[place]],
            }


def complete(log: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the records of a log, which may be damaged, that have all values of an x axis."""
    return [record for record in log if all(_is_finite(record.get(name)) for name in _AXES)]


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def page(runs: Sequence[ReportedRun], about: str) -> str:
    """Return the page as HTML.

    Args:
        runs: the runs.
        about: a sentence on who wrote the page, and when.
    """
    return assembled("report_page.html", {"about": about, "runs": [run.to_json() for run in runs]})


def _curves(log: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the curves by name, as numbers of a few digits."""
    every = -(-len(log) // _MAX_POINTS) or 1
    last = len(log) - 1
    kept = [
        record
        for place, record in enumerate(log)
        if place % every == 0 or place == last or record.get("valid_nats") is not None
    ]
    return {name: [_shortened(record.get(name)) for record in kept] for name in CURVES}


def _shortened(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.{_DIGITS}g}")


def _units(report: RunReport) -> dict[str, float]:
    """Return the units of a loss, and what they are per nat per token."""
    if report.evaluation is None:
        return {}
    loss = report.evaluation.loss
    return {
        name.replace("_", " "): value / loss.score.nats_per_token
        for name, value in loss.by_unit.items()
        if value is not None and name.startswith(("bits", "nats")) and loss.score.nats_per_token
    }


def _command(checkpoint: str, drawn: DrawnSample) -> str:
    """Return the command that writes a sample."""
    config = drawn.config
    length = [] if config.length is None else ["--length", str(config.length)]
    options = ["--temperature", str(config.temperature), "--seed", str(config.seed), *length]
    return shlex.join(["seqgen", "sample", "--checkpoint", checkpoint, *options])


def _copied(copied: CopiedPassages) -> dict[str, Any]:
    return {
        "unit": copied.unit,
        "minLength": copied.min_length,
        "shortest": copied.shortest,
        "always": copied.always,
        "isPartial": copied.is_partial,
    }


def _music(score: Score) -> dict[str, Any]:
    """Return a piece as a piano roll that can be played: with times and lengths in seconds, and velocities."""
    start = float(seconds_at(score, [score.start])[0])
    notes: list[list[Any]] = []
    for number, track in enumerate(score.tracks):
        begins = seconds_at(score, [note.onset for note in track.notes]) - start
        ends = seconds_at(score, [note.end for note in track.notes]) - start
        for note, begin, end in zip(track.notes, begins.tolist(), ends.tolist(), strict=True):
            times = round(begin, _DECIMALS), round(end - begin, _DECIMALS)
            notes.append([len(notes), note.onset, note.duration, note.pitch, number, *times, note.velocity])
    bar_times = seconds_at(score, [max(step, score.start) for step in score.bar_starts]) - start
    return {
        **roll(score, notes),
        "times": [round(each, _DECIMALS) for each in bar_times.tolist()],
        "drums": [track.is_drum for track in score.tracks],
    }
