"""`seqgen sample`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqgen.cli import display
from seqgen.cli.destination import Destination
from seqgen.cli.given import sample_given
from seqgen.cli.language_model import load_fusion
from seqgen.cli.model import CheckpointOption, JsonOption, load, or_builtin
from seqgen.cli.music import sample_music
from seqgen.cli.options import QuietOption, options_from
from seqgen.cli.outputs import (
    refuse_no_file,
    refuse_soundfont,
    refuse_unknown_suffixes,
    report_lacking,
    write_text,
)
from seqgen.cli.prime import text_prime, unescaped
from seqgen.cli.provenance import copied_texts, training_set, write_marked
from seqgen.config import DeviceConfig, FoldersConfig, SamplingConfig
from seqgen.runs import full_name
from seqgen.wording import counted

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.evaluation.run_corpus import RunCorpus
    from seqgen.evaluation.text_sources import CopiedText
    from seqgen.levels.base import TextLevel
    from seqgen.model.language_model import LanguageModel
    from seqgen.sampling.sampler import Sample

SEPARATOR = "---\n"


@options_from(sampling=SamplingConfig, machine=DeviceConfig, folders=FoldersConfig)
def sample(
    sampling: SamplingConfig,
    machine: DeviceConfig,
    folders: FoldersConfig,
    checkpoint: CheckpointOption = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(help="Write to this file instead of standard output. Can be repeated.", metavar="FILE"),
    ] = None,
    soundfont: Annotated[
        Path | None,
        typer.Option(
            help="SoundFont that plays audio files (--output FILE.wav), through the package midirenderer.",
            metavar="FILE.sf2",
            rich_help_panel="Music",
            show_default="an installed one; without one, the built-in synthesizer plays",
        ),
    ] = None,
    omit_prime: Annotated[bool, typer.Option("--omit-prime", help="Omit the prime from the samples.")] = False,
    provenance: Annotated[
        bool,
        typer.Option(
            "--provenance",
            help="Report which spans of the samples occur in the training set, with file and line, or piece and bars; "
            "on a terminal they are marked.",
        ),
    ] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001  # its callback does the work
) -> None:
    """Write new text or music with a trained model."""
    outputs = output or []
    for path in outputs:
        refuse_no_file(path)
    refuse_soundfont(soundfont, outputs)
    if not sampling.given:
        checkpoint = or_builtin(checkpoint, folders, outputs, sampling.prime)
    source, loaded, model = load(checkpoint, folders, machine)
    from seqgen.levels.base import TextLevel
    from seqgen.levels.note import NoteLevel
    from seqgen.sampling.transcriber import check_given

    check_given(loaded, is_given=bool(sampling.given))
    run = training_set(loaded, folders) if provenance else None
    destination = Destination(source, tuple(outputs), soundfont, omit_prime, as_json)
    if loaded.given_coding is not None:
        sample_given(loaded, model, sampling, load_fusion(sampling, loaded, model, folders, machine), destination)
    elif isinstance(loaded.level, TextLevel):
        _sample_text(loaded, loaded.level, model, sampling, run, destination)
    elif isinstance(loaded.level, NoteLevel):
        refuse_unknown_suffixes(outputs)
        sample_music(loaded, loaded.level, model, sampling, folders, run, destination)


def _sample_text(
    loaded: "Checkpoint",
    level: "TextLevel",
    model: "LanguageModel",
    sampling: SamplingConfig,
    run: "RunCorpus | None",
    destination: Destination,
) -> None:
    """Write text to files, or to standard output while it is generated."""
    sampling.refuse_for_text()
    from seqgen.sampling.sampler import begin, sample

    sampling = replace(sampling, stop=tuple(map(unescaped, sampling.stop)))
    prime = level.normalise(text_prime(sampling.prime, is_passage=loaded.config.corpus.document != "file"))
    report_lacking(list(level.spelled_out(level.encode(prime))), "the prime")
    samples = begin(sampling)
    display.note(f"{full_name(destination.source)}, seed {samples[0].seed}")
    shown_prime = "" if destination.omit_prime else prime
    texts = [shown_prime] * sampling.num_samples
    is_plain = not (destination.as_json or destination.files)
    is_streamed = sampling.num_samples == 1 and is_plain and not run
    num_written = 0  # the prime is written with the first text, after messages about compilation
    for index, text in sample(
        model, level, prime, sampling, samples, loaded.unseen, knows_beginnings=loaded.knows_beginnings
    ):
        texts[index] += text
        if is_streamed:
            display.write_result(texts[0][num_written:])
            num_written = len(texts[0])
    copies = copied_texts(run, texts, shown_prime) if run else None
    if is_streamed:
        display.write_result(texts[0][num_written:] + _missing_newline(texts[0]))
    elif copies and is_plain:
        begins = [len(_separated([*texts[:number], ""])) - 1 for number in range(len(texts))]
        write_marked(_separated(texts), begins, copies)
    else:
        content = _as_json(samples, texts, prime, copies) if destination.as_json else _separated(texts)
        write_text(content, texts, destination)
    if cut_short := sum(each.is_cut_short for each in samples):
        display.note(f"{counted(cut_short, 'sample')} ended early because the options excluded every token")


def _as_json(
    samples: "list[Sample]", texts: list[str], prime: str, copies: "list[list[CopiedText]] | None" = None
) -> str:
    """Return one line of JSON per sample, with its copied spans if they are known."""
    objects: list[dict[str, Any]] = [
        {"text": text, "prime": prime, "tokens": sample.tokens, "nats": sample.nats, "seed": sample.seed}
        for sample, text in zip(samples, texts, strict=True)
    ]
    for item, own in zip(objects, copies or (), strict=False):
        item["copied"] = [copy.to_json() for copy in own]
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in objects)


def _separated(texts: list[str]) -> str:
    """Return the samples separated by lines."""
    return SEPARATOR.join(text + _missing_newline(text) for text in texts)


def _missing_newline(text: str) -> str:
    return "" if text.endswith("\n") else "\n"
