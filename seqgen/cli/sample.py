"""`seqgen sample`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqgen.cli import display
from seqgen.cli.given import sample_given
from seqgen.cli.language_model import load_fusion
from seqgen.cli.model import CheckpointOption, JsonOption, load
from seqgen.cli.music import sample_music
from seqgen.cli.options import QuietOption, options_from
from seqgen.cli.outputs import refuse_no_file, report_lacking, write_text
from seqgen.cli.prime import text_prime, unescaped
from seqgen.config import DeviceConfig, FoldersConfig, SamplingConfig
from seqgen.errors import UsageError
from seqgen.wording import counted

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
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
    omit_prime: Annotated[bool, typer.Option("--omit-prime", help="Omit the prime from the samples.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001  # its callback does the work
) -> None:
    """Write new text or music with a trained model."""
    outputs = output or []
    for path in outputs:
        refuse_no_file(path)
    source, loaded, model = load(checkpoint, folders, machine)
    from seqgen.levels.base import TextLevel
    from seqgen.levels.note import NoteLevel
    from seqgen.sampling.transcriber import check_given

    check_given(loaded, is_given=bool(sampling.given))
    if loaded.given_coding is not None:
        fusion = load_fusion(sampling, loaded, model, folders, machine)
        sample_given(source, loaded, model, sampling, outputs, fusion, omit_prime=omit_prime, as_json=as_json)
    elif isinstance(loaded.level, TextLevel):
        _sample_text(source, loaded, loaded.level, model, sampling, outputs, omit_prime=omit_prime, as_json=as_json)
    elif isinstance(loaded.level, NoteLevel):
        _refuse_unknown_suffixes(outputs)
        sample_music(
            source, loaded, loaded.level, model, sampling, outputs, folders, omit_prime=omit_prime, as_json=as_json
        )


def _sample_text(
    source: Path,
    loaded: "Checkpoint",
    level: "TextLevel",
    model: "LanguageModel",
    sampling: SamplingConfig,
    outputs: list[Path],
    *,
    omit_prime: bool,
    as_json: bool,
) -> None:
    """Write text to files, or to standard output while it is generated."""
    sampling.refuse_for_text()
    from seqgen.sampling.sampler import begin, sample

    sampling = replace(sampling, stop=tuple(map(unescaped, sampling.stop)))
    prime = level.normalise(text_prime(sampling.prime, is_passage=loaded.config.corpus.document != "file"))
    report_lacking(list(level.spelled_out(level.encode(prime))), "the prime")
    samples = begin(sampling)
    display.note(f"{source}, seed {samples[0].seed}")
    texts = ["" if omit_prime else prime] * sampling.num_samples
    is_streamed = sampling.num_samples == 1 and not (as_json or outputs)
    num_written = 0  # the prime is written with the first text, after messages about compilation
    for index, text in sample(
        model, level, prime, sampling, samples, loaded.unseen, knows_beginnings=loaded.knows_beginnings
    ):
        texts[index] += text
        if is_streamed:
            display.write_result(texts[0][num_written:])
            num_written = len(texts[0])
    if is_streamed:
        display.write_result(texts[0][num_written:] + _missing_newline(texts[0]))
    else:
        write_text(_as_json(samples, texts, prime) if as_json else _separated(texts), texts, outputs, source)
    if cut_short := sum(each.is_cut_short for each in samples):
        display.note(f"{counted(cut_short, 'sample')} ended early because the options excluded every token")


def _as_json(samples: "list[Sample]", texts: list[str], prime: str) -> str:
    """Return one line of JSON per sample."""
    objects = (
        {"text": text, "prime": prime, "tokens": sample.tokens, "nats": sample.nats, "seed": sample.seed}
        for sample, text in zip(samples, texts, strict=True)
    )
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in objects)


def _separated(texts: list[str]) -> str:
    """Return the samples separated by lines."""
    return SEPARATOR.join(text + _missing_newline(text) for text in texts)


def _missing_newline(text: str) -> str:
    return "" if text.endswith("\n") else "\n"


def _refuse_unknown_suffixes(paths: list[Path]) -> None:
    """Reject files that are not music."""
    from seqgen.music.write import SUFFIXES

    for path in paths:
        if path.suffix.lower() not in SUFFIXES:
            raise UsageError(f"--output {path}: the suffix of a music file must be one of {', '.join(SUFFIXES)}")
