"""A score as a picture of a piano roll."""

import io
from collections.abc import Sequence
from itertools import cycle, pairwise
from typing import Any

from seqgen.music.beams import beat_quarters
from seqgen.music.instruments import drum_of, names_of
from seqgen.music.score import Score, Track
from seqgen.music.theory import name_of
from seqgen.pictures import any_font, literal

_DOTS_PER_INCH = 120
_BARS_PER_SYSTEM = 32
_MAX_SYSTEMS = 10  # longer pieces have narrower bars
_QUARTER = 0.25  # inches
_SEMITONE = 0.1  # inches
_WIDTHS = (7.0, 18.0)  # of a picture in inches
_HEIGHTS = (1.6, 6.0)  # of a system in inches
_LABEL = 0.15  # inches per name on an axis
_WIDE_BAR = 0.6  # inches, from which on beats are shown
_MARGIN = 2  # semitones above and below the notes
_DRUM = 2  # semitones between drums
_MAX_NAMES = 16  # in the legend
_BLACK_KEYS = (1, 3, 6, 8, 10)
_NAMED = (
    (1, (0, 2, 4, 5, 7, 9, 11)),
    (3, (0, 4, 7)),
    (5, (0, 7)),
    (12, (0,)),
)  # minimum distance in semitones of named pitches -> the pitch classes named
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c564b", "#7f7f7f")  # of Okabe and Ito
_PRIME = "#fff0c2"


class _Paper:
    """Vertical positions of notes: a pitch at its number, drums below the pitches."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        pitches = {note.pitch for track in tracks if not track.is_drum for note in track.notes}
        drums = sorted({note.pitch for track in tracks if track.is_drum for note in track.notes}, reverse=True)
        self.lowest = min(pitches, default=60) - _MARGIN
        self.top = max(pitches, default=60) + _MARGIN
        self._drums = {drum: self.lowest - _DRUM * (place + 1) for place, drum in enumerate(drums)}
        self.bottom = self.lowest - _DRUM * len(drums) - 1

    def rise(self, track: Track, pitch: int) -> int:
        """Return the vertical position of a note."""
        return self._drums[pitch] if track.is_drum else pitch

    def names(self, semitone: float) -> dict[int, str]:
        """Return the names on the axis by position, given the inches per semitone, which limit the number of names."""
        named = next((classes for apart, classes in _NAMED if apart * semitone >= _LABEL), ())
        pitches = {pitch: name_of(pitch) for pitch in range(self.lowest, self.top + 1) if pitch % 12 in named}
        return pitches | {rise: drum_of(drum).name for drum, rise in self._drums.items()}


@any_font()
def draw(score: Score, num_prime_steps: int = 0) -> bytes:
    """Return a PNG: one colour per track, numbered bars, names of pitches, drums as marks below the pitches.

    A long piece is divided into systems, one below the other.

    Args:
        score: the music, with at least one bar.
        num_prime_steps: the prime ends at this step; its background is shaded.
    """
    from matplotlib.figure import Figure

    systems = _systems(score)
    paper = _Paper(score.tracks)
    width = _within(max(last - first for first, last in systems) / score.grid * _QUARTER, _WIDTHS)
    height = _within((paper.top - paper.bottom) * _SEMITONE, _HEIGHTS)
    figure = Figure(figsize=(width, height * len(systems) + 0.7), layout="constrained")
    for axes, (first, last) in zip(figure.subplots(len(systems), squeeze=False).flat, systems, strict=True):
        axes.set(xlim=(first, last), ylim=(paper.bottom, paper.top))
        if num_prime_steps > score.start:
            axes.axvspan(score.start, num_prime_steps, color=_PRIME, zorder=0)
        _draw_paper(axes, paper, height / (paper.top - paper.bottom))
        _draw_bars(axes, score, width / (last - first))
        for place, (track, colour) in enumerate(zip(score.tracks, cycle(_COLOURS), strict=False)):
            _draw_notes(axes, track, paper, colour, 0.9 - 0.4 * place / len(score.tracks))
    _draw_legend(figure, score, has_prime=num_prime_steps > score.start)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=_DOTS_PER_INCH)
    return picture.getvalue()


def _within(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])


def _systems(score: Score) -> list[tuple[int, int]]:
    """Return the first and last step of each system; systems have about equally many bars."""
    num_systems = min(-(-len(score) // _BARS_PER_SYSTEM), _MAX_SYSTEMS)
    steps = [score.bar_starts[number * len(score) // num_systems] for number in range(num_systems + 1)]
    return list(pairwise([score.start, *steps[1:]]))


def _draw_paper(axes: Any, paper: _Paper, semitone: float) -> None:
    """Draw the keyboard in the background, and names on the axis."""
    for pitch in range(paper.lowest, paper.top + 1):
        if pitch % 12 in _BLACK_KEYS:
            axes.axhspan(pitch - 0.5, pitch + 0.5, color="black", alpha=0.04, linewidth=0, zorder=0.2)
        elif pitch % 12 == 0:
            axes.axhline(pitch - 0.5, color="#bbbbbb", linewidth=0.8, zorder=0.3)
    names = paper.names(semitone)
    axes.set_yticks(list(names), list(names.values()), fontsize=8)
    axes.tick_params(length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _draw_bars(axes: Any, score: Score, step: float) -> None:
    """Draw bar lines, beats if bars are wide, and as many bar numbers as fit, given the inches per step."""
    first, last = axes.get_xlim()
    axes.vlines([start for start in score.bar_starts if first <= start <= last], *axes.get_ylim(), "#9a9a9a", lw=0.8)
    shown = [place for place, start in enumerate(score.bar_starts[1:]) if first < start <= last]
    beats = []
    for place in shown:
        start, num_steps = score.bar_starts[place], score.bars[place].num_steps(score.grid)
        beat = float(beat_quarters(score.bars[place]) * score.grid)
        if num_steps * step >= _WIDE_BAR:
            beats += [start + beat * number for number in range(1, int(num_steps / beat))]
    axes.vlines(beats, *axes.get_ylim(), "#dedede", lw=0.6, zorder=0.4)
    distance = (last - first) * step / len(shown)
    every = next(every for every in (1, 2, 4, 8, 16, 32, 64, 128, len(score)) if every * distance >= 2 * _LABEL)
    numbers = {max(score.bar_starts[place], score.start): place + (not score.pickup) for place in shown}
    numbers = {start: number for start, number in numbers.items() if number % every == 1 % every}
    axes.set_xticks(list(numbers), list(numbers.values()), fontsize=8, ha="left")


def _draw_notes(axes: Any, track: Track, paper: _Paper, colour: str, thickness: float) -> None:
    """Draw the boxes of a track, or marks for drums; tracks behind others are thicker, so that all are visible."""
    from matplotlib.collections import PolyCollection

    if track.is_drum:
        rises = [paper.rise(track, note.pitch) for note in track.notes]
        axes.plot([note.onset for note in track.notes], rises, "D", color=colour, markersize=3.5, zorder=3)
        return
    boxes = [
        [(left, bottom), (left, top), (right, top), (right, bottom)]
        for left, right, bottom, top in (
            (note.onset, note.end, note.pitch - thickness / 2, note.pitch + thickness / 2) for note in track.notes
        )
    ]
    axes.add_collection(PolyCollection(boxes, facecolors=colour, edgecolors="white", linewidths=0.6, zorder=2))


def _draw_legend(figure: Any, score: Score, *, has_prime: bool) -> None:
    """Draw the title, and the names of the parts."""
    from matplotlib.patches import Patch

    entries = [
        Patch(color=colour, label=literal(name))
        for track, name, colour in zip(score.tracks, names_of(score.tracks), cycle(_COLOURS), strict=False)
        if track.notes
    ]
    if len(entries) > _MAX_NAMES:
        entries = [*entries[:_MAX_NAMES], Patch(alpha=0, label=f"and {len(entries) - _MAX_NAMES} more")]
    if has_prime:
        entries.append(Patch(color=_PRIME, label="Prime"))
    figure.legend(
        handles=entries, loc="outside upper left", ncols=8, frameon=False, fontsize=9,
        title=literal(score.title), title_fontsize=11, alignment="left",
    )  # fmt: skip
