"""`seqgen write`."""

import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqgen.cli import display
from seqgen.cli.manuscript import Manuscript, ScoreFile
from seqgen.cli.model import CheckpointOption, load, or_builtin
from seqgen.cli.options import QuietOption, options_from
from seqgen.cli.outputs import refuse_no_file, refuse_unknown_suffixes
from seqgen.cli.prime import STANDARD_INPUT
from seqgen.config import DeviceConfig, RunsConfig, WritingConfig
from seqgen.errors import UsageError
from seqgen.runs import full_name, short_name

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.model.language_model import LanguageModel


@options_from(writing=WritingConfig, machine=DeviceConfig, folders=RunsConfig)
def write(
    writing: WritingConfig,
    machine: DeviceConfig,
    folders: RunsConfig,
    checkpoint: CheckpointOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="File to save to; of a text, it is continued if it exists.", metavar="FILE", show_default="asked for"
        ),
    ] = None,
    quiet: QuietOption = False,  # noqa: ARG001  # its callback does the work
) -> None:
    """Write a text or a piece of music yourself, in an editor in which a model suggests how to go on.

    A grey continuation follows the end of the text, word by word with the Tab key. A model of music suggests bars.
    """
    refuse_no_terminal()
    if writing.prime == STANDARD_INPUT:
        raise UsageError("--prime - would read the keyboard, with which you write: use --prime @FILE")
    if output is not None:
        refuse_no_file(output)
    checkpoint = or_builtin(checkpoint, folders, [output] if output else [], writing.prime)
    source, loaded, model = load(checkpoint, folders, machine)
    if loaded.given_coding is not None:
        raise UsageError(
            "write is for language models, but this model writes one text from another: use seqgen sample --given"
        )
    from seqgen.levels.base import TextLevel
    from seqgen.sampling.sampler import first_seed

    writing = replace(writing, seed=first_seed(writing.sampling))
    display.note(f"{full_name(source)}, seed {writing.seed}")
    if isinstance(loaded.level, TextLevel):
        _write_text(writing, source, loaded, model, output)
    else:
        _write_music(writing, source, loaded, model, output)


def _write_text(
    writing: WritingConfig, source: Path, loaded: "Checkpoint", model: "LanguageModel", output: Path | None
) -> None:
    writing.sampling.refuse_for_text()
    from seqgen.cli.editor import Editor
    from seqgen.writing.suggester import Suggester

    manuscript = Manuscript.opened(output, writing.prime, source)
    Editor(manuscript, Suggester(loaded, model), writing.sampling, short_name(source)).run()


def _write_music(
    writing: WritingConfig, source: Path, loaded: "Checkpoint", model: "LanguageModel", output: Path | None
) -> None:
    from seqgen.cli.bar_editor import BarEditor
    from seqgen.corpus.music_file import reading_options
    from seqgen.levels.note import NoteLevel
    from seqgen.music.prime import primed
    from seqgen.sampling.common_start import initial_metre
    from seqgen.writing.bar_suggester import BarSuggester

    if output is not None:
        refuse_unknown_suffixes([output])
        if output.exists():
            raise UsageError(f"--output {output} exists: use --prime @{output} to continue it, and another --output")
    level, config = loaded.level, writing.sampling
    assert isinstance(level, NoteLevel)  # noqa: S101  # there are no other levels
    options = reading_options(loaded.config.corpus)
    score_of = partial(level.score_of, metre=initial_metre(level, config))
    prime = primed(writing.prime, options, score_of, config.key, report=display.note)
    suggester = BarSuggester(loaded, model, config, prime)
    for notice in suggester.notices:
        display.note(notice)
    file = ScoreFile(output, None, source)
    BarEditor(file, suggester, writing.temperature, short_name(source)).run()


def refuse_no_terminal() -> None:
    """Reject a terminal in which an editor cannot run.

    Raises:
        UsageError: it is not a terminal, or too simple.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "write needs a terminal, but standard input or output is redirected: use seqgen sample --prime @FILE"
        )
    if os.environ.get("TERM", "").lower() in ("dumb", "unknown"):
        raise UsageError(f"write needs a terminal that can move the cursor, but TERM is {os.environ['TERM']}")
