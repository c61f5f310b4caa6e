"""`seqgen inspect --text`: what a model expects at each token of a text, and what its units do."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from seqgen.cli import display
from seqgen.cli.model import load
from seqgen.cli.music import write_file
from seqgen.cli.outputs import report_lacking
from seqgen.cli.prime import text_argument
from seqgen.config import DeviceConfig, FoldersConfig
from seqgen.errors import UsageError
from seqgen.runs import full_name, short_name

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.evaluation.inspection import Inspection
    from seqgen.levels.note import NoteLevel
    from seqgen.music.score import Score

MAX_TOKENS = 20_000
NUM_ALTERNATIVES = 8
_IN_TABLE, _ROWS, _CONTEXT = 3, 12, 24  # alternatives, tokens, characters
_SHADES = (  # from this number of nats on; both colours are set, so that they suit dark and light terminals
    (0.0, ""),
    (0.5, "black on #fff1c9"),
    (1.0, "black on #ffd98a"),
    (2.0, "black on #ffb347"),
    (4.0, "black on #f97316"),
    (6.0, "white on #b91c1c"),
)
_SIGNS = str.maketrans({" ": "\N{OPEN BOX}", "\n": "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}", "\t": "⇥"})


def inspect_text(
    name: str | None, text: str, output: Path | None, folders: FoldersConfig, machine: DeviceConfig, *, as_json: bool
) -> None:
    """Print a text coloured by surprisal and its most surprising tokens, and write the page if there is an output."""
    source, loaded, model = load(name, folders, machine)
    from seqgen.evaluation.inspection import Inspection

    content = _content(loaded, text)
    with display.waiting("reading", is_quiet=False):
        inspection = Inspection.of(loaded, model, content, MAX_TOKENS, NUM_ALTERNATIVES)
    if len(inspection.ids) < inspection.num_tokens:
        display.note(f"only the first {MAX_TOKENS:,} of {inspection.num_tokens:,} tokens are inspected")
    if output is not None:
        from seqgen.evaluation.inspection_page import page

        write_file(output, page(inspection, short_name(source)).encode(), source)
    if as_json:
        display.write_result(json.dumps(_to_json(inspection), ensure_ascii=False) + "\n")
    else:
        _show(inspection)
    display.note(f"{full_name(source)}; saved as {output}" if output is not None else full_name(source))


def _content(loaded: "Checkpoint", argument: str) -> "str | Score":
    """Return the text or the music that is given with `--text`."""
    from seqgen.levels.base import TextLevel
    from seqgen.levels.note import NoteLevel

    if isinstance(loaded.level, NoteLevel):
        return _score(loaded, loaded.level, argument)
    is_passage = loaded.config.corpus.document != "file"
    text = text_argument(argument, "text", is_passage=False if argument.startswith("@") else is_passage)
    if isinstance(loaded.level, TextLevel):
        report_lacking(list(loaded.level.spelled_out(loaded.level.encode(text))), "the text")
    return text


def _score(loaded: "Checkpoint", level: "NoteLevel", argument: str) -> "Score":
    """Return the notes or the first piece of the file that are given to a model of music.

    Raises:
        UsageError: it is neither.
        MusicError: the file cannot be read as music.
    """
    from seqgen.corpus.music_file import reading_options
    from seqgen.music.prime import primed

    is_file = argument.startswith("@")
    try:
        options = reading_options(loaded.config.corpus)
        score = primed(argument, options, level.score_of, None, report=display.note)
    except UsageError as error:
        expected = 'this model is for music: give notes such as "C4 E4:2 R:1", or @FILE with music'
        raise UsageError(f"--text {argument[:40]!r}: {expected}") from error
    if score is None:
        raise UsageError("--text must not be empty")
    return score if is_file else replace(score, is_excerpt=True)


def _alternatives(inspection: "Inspection", place: int, count: int) -> list[tuple[str, float]]:
    """Return the labels and probabilities of the most likely tokens at a place."""
    ids, values = inspection.best[place, :count].tolist(), inspection.probabilities[place, :count].tolist()
    return [(inspection.label(token), value) for token, value in zip(ids, values, strict=True)]


def _to_json(inspection: "Inspection") -> dict[str, Any]:
    """Return every token with its surprisal and the most likely tokens in its place."""
    tokens = [
        {
            "text": text,
            "id": token,
            "nats": nats,
            "alternatives": [
                {"text": label, "probability": value}
                for label, value in _alternatives(inspection, place, NUM_ALTERNATIVES)
            ],
        }
        for place, (text, token, nats) in enumerate(
            zip(inspection.texts, inspection.ids.tolist(), inspection.surprisal.tolist(), strict=True)
        )
    ]
    return {"nats_per_token": float(inspection.surprisal.mean(dtype=float)), "tokens": tokens}


def _show(inspection: "Inspection") -> None:
    """Print the text in colour if standard output shows colours, and the most surprising tokens."""
    out = display.results()
    if out.is_terminal and out.color_system is not None and not out.no_color:
        out.print(_coloured(inspection), end="\n\n")
        out.print(_legend(), end="\n\n")
    nats = float(inspection.surprisal.mean(dtype=float))
    display.write_result(f"{len(inspection.ids):,} tokens, {nats:.4f} nats per token; the most surprising ones:\n\n")
    places = inspection.surprisal.argsort(kind="stable")[::-1][:_ROWS].tolist()
    rows = []
    for place in places:
        others = (
            f"{label.translate(_SIGNS)} {value:.1%}" for label, value in _alternatives(inspection, place, _IN_TABLE)
        )
        probability = f"{math.exp(-inspection.surprisal[place]):.2%}"
        label = inspection.label(int(inspection.ids[place])).translate(_SIGNS)
        rows.append(
            [
                str(place + 1),
                _before(inspection, place),
                label,
                f"{inspection.surprisal[place]:.2f}",
                probability,
                "  ".join(others),
            ]
        )
    display.show_table(["place", "after", "token", "nats", "probability", "most likely"], rows)


def _before(inspection: "Inspection", place: int) -> str:
    """Return the end of the text before a token."""
    separator = " " if inspection.is_music else ""
    begin = max(begin for begin in inspection.begins if begin <= place)
    texts = inspection.texts[max(begin, place - _CONTEXT) : place]
    return separator.join(texts)[-_CONTEXT:].translate(_SIGNS)


def _style(nats: float) -> str:
    return next(style for least, style in reversed(_SHADES) if nats >= least)


def _coloured(inspection: "Inspection") -> Text:
    """Return the text with a background for the surprisal of each token; a spelled character has that of its tokens."""
    shown, waiting = Text(), 0.0
    for place, (text, nats) in enumerate(zip(inspection.texts, inspection.surprisal.tolist(), strict=True)):
        waiting += nats
        if not text and inspection.label(int(inspection.ids[place])) != "END":
            continue
        if inspection.is_music and text == "BAR":
            shown.append("\n")
        text = display.visible(text) if text else " END "
        shown.append(text.replace("\n", "↵\n"), _style(waiting))
        shown.append({"BAR": "", " END ": "\n"}.get(text, " " if inspection.is_music else ""))
        waiting = 0.0
    shown.rstrip()
    return shown


def _legend() -> Text:
    """Return the colours with their numbers of nats."""
    shown = Text("nats per token: ")
    bounds = [least for least, _ in _SHADES[1:]]
    for (least, style), high in zip(_SHADES, [*bounds, None], strict=True):
        shown.append(f" {least:g} and more " if high is None else f" {least:g} to {high:g} ", style)
    return shown
