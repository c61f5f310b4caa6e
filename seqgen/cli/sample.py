"""`seqgen sample`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqgen.cli import display
from seqgen.cli.model import CheckpointOption, JsonOption, load
from seqgen.cli.music import sample_music, write_file, write_tunes
from seqgen.cli.options import QuietOption, options_from
from seqgen.config import DeviceConfig, RunsConfig, SamplingConfig
from seqgen.errors import CorpusError, UsageError
from seqgen.options import flag

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.levels.base import TextLevel
    from seqgen.model.language_model import LanguageModel
    from seqgen.sampling.sampler import Sample

SEPARATOR = "---\n"
MUSIC_SUFFIXES = (".mid", ".musicxml", ".png")  # into which tunes that are written as text are converted


@options_from(sampling=SamplingConfig, machine=DeviceConfig, folders=RunsConfig)
def sample(
    sampling: SamplingConfig,
    machine: DeviceConfig,
    folders: RunsConfig,
    checkpoint: CheckpointOption = None,
    output: Annotated[list[Path] | None, typer.Option(help="Write to this file instead.", metavar="FILE")] = None,
    omit_prime: Annotated[bool, typer.Option("--omit-prime", help="Leave the prime out of the samples.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,  # noqa: ARG001  # its callback has done the work
) -> None:
    """Write new text or music with a trained model."""
    outputs = output or []
    for path in outputs:
        _refuse_no_file(path)
    source, loaded, model = load(checkpoint, folders, machine)
    from seqgen.levels.base import TextLevel
    from seqgen.levels.note import NoteLevel

    if isinstance(loaded.level, TextLevel):
        _sample_text(source, loaded, loaded.level, model, sampling, outputs, omit_prime=omit_prime, as_json=as_json)
    elif isinstance(loaded.level, NoteLevel):
        _refuse_unknown_suffixes(outputs)
        sample_music(source, loaded, loaded.level, model, sampling, outputs, omit_prime=omit_prime, as_json=as_json)


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
    """Write text to standard output as it comes, or to files."""
    for name in ("bars", "tempo", "key"):
        if getattr(sampling, name) is not None:
            raise UsageError(f"{flag(name)} is for models of music, and this one writes text")
    from seqgen.sampling.sampler import begin, sample

    prime = level.normalise(_read_prime(sampling.prime))
    samples = begin(sampling)
    display.note(f"{source}, seed {samples[0].seed}")
    texts = ["" if omit_prime else prime] * sampling.num_samples
    is_streamed = sampling.num_samples == 1 and not (as_json or outputs)
    if is_streamed:
        display.write_result(texts[0])
    last = texts[0]
    for index, text in sample(model, level, prime, sampling, samples, loaded.unseen):
        if is_streamed:
            display.write_result(text)
            last = text
        else:
            texts[index] += text
    if is_streamed:
        display.write_result(_missing_newline(last))
        return
    result = _as_json(samples, texts, prime) if as_json else SEPARATOR.join(t + _missing_newline(t) for t in texts)
    for path in outputs:
        if path.suffix.lower() in MUSIC_SUFFIXES:
            write_tunes(texts, path, source)
        else:
            write_file(path, result.encode(), source)
            display.note(f"written to {path}")
    if not outputs:
        display.write_result(result)


def _read_prime(prime: str) -> str:
    """Return the prime itself, or the text of the file that it names with @."""
    if not prime.startswith("@") or prime == "@":
        return prime
    path = Path(prime[1:])
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CorpusError(f"the prime {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"the prime {path} is not UTF-8 text (byte offset {error.start}), which this model writes: convert it"
        ) from error


def _as_json(samples: "list[Sample]", texts: list[str], prime: str) -> str:
    """Return one JSON object a line."""
    objects = (
        {"text": text, "prime": prime, "tokens": sample.tokens, "nats": sample.nats, "seed": sample.seed}
        for sample, text in zip(samples, texts, strict=True)
    )
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in objects)


def _missing_newline(text: str) -> str:
    return "" if text.endswith("\n") else "\n"


def _refuse_unknown_suffixes(paths: list[Path]) -> None:
    """Refuse a file that is no kind of music."""
    from seqgen.music.write import SUFFIXES

    for path in paths:
        if path.suffix.lower() not in SUFFIXES:
            raise UsageError(f"--output {path}: music is written to {', '.join(SUFFIXES)}; its suffix tells which")


def _refuse_no_file(path: Path) -> None:
    """Refuse an output that cannot become a file, before anything is sampled for it."""
    if path.is_dir():
        raise UsageError(f"--output must be a file, and {path} is a folder")
    if not path.parent.is_dir():
        raise UsageError(f"--output {path}: there is no folder {path.parent}; make it first")
