"""The output of `seqgen sample` for models of music."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from seqgen import files
from seqgen.cli import display
from seqgen.cli.destination import Destination
from seqgen.cli.prime import STANDARD_INPUT, read_standard_input
from seqgen.cli.provenance import copied_melodies
from seqgen.config import SamplingConfig
from seqgen.corpus.provenance import record_sample
from seqgen.errors import MusicError, SeqgenError
from seqgen.runs import full_name, short_name
from seqgen.wording import counted

if TYPE_CHECKING:
    from seqgen.checkpoint import Checkpoint
    from seqgen.config import FoldersConfig
    from seqgen.evaluation.music_sources import CopiedMelody
    from seqgen.evaluation.run_corpus import RunCorpus
    from seqgen.levels.note import NoteLevel
    from seqgen.model.language_model import LanguageModel
    from seqgen.music.score import Score
    from seqgen.sampling.sampler import Sample

ROLL_WIDTH = 100  # maximum width of the piano roll on a terminal


def sample_music(
    loaded: "Checkpoint",
    level: "NoteLevel",
    model: "LanguageModel",
    config: SamplingConfig,
    folders: "FoldersConfig",
    run: "RunCorpus | None",
    destination: Destination,
) -> None:
    """Compose, and write the given files, or by default a MIDI file named after the run.

    Args:
        loaded: the checkpoint.
        level: its level.
        model: its model.
        config: the sampling options.
        folders: where prepared corpora are kept.
        run: the corpus in which samples are searched for; None for no search.
        destination: where the pieces are written; several samples are numbered.
    """
    config.refuse_for_music()
    from seqgen.corpus.music_file import reading_options
    from seqgen.evaluation.best_of import compose_best
    from seqgen.music.prime import primed
    from seqgen.sampling.common_start import common_start, initial_metre
    from seqgen.sampling.composer import without_prime
    from seqgen.sampling.sampler import first_seed

    config = replace(config, seed=first_seed(config))
    source, outputs = destination.source, destination.files
    name = short_name(source)
    display.note(f"{full_name(source)}, seed {config.seed}")
    given = read_standard_input() if config.prime == STANDARD_INPUT else config.prime
    options = reading_options(loaded.config.corpus)
    score_of = partial(level.score_of, metre=initial_metre(level, config))
    prime = primed(given, options, score_of, config.key, config.prime_bars, display.note)
    start = common_start(level, prime, config, loaded.unseen)
    for notice in start.notices:
        display.note(notice)
    scores, samples, notices = compose_best(loaded, model, level, start, config, folders)
    for notice in notices:
        display.note(notice)
    end = start.end
    if destination.omit_prime and prime:
        scores, end = [without_prime(score, end) for score in scores], 0
    copies = copied_melodies(run, scores, end) if run else [None] * len(scores)
    if destination.as_json:
        display.write_result("".join(_as_json(*each, given) for each in zip(samples, scores, copies, strict=True)))
        if not outputs:
            return
    for path in outputs or [Path(f"{name}-{config.seed}.mid")]:
        for score, sample, place in zip(scores, samples, numbered(path, len(scores)), strict=True):
            title = f"{name}, seed {sample.seed}"
            write_score(replace(score, title=title), place, destination, end)
            ending = f"; cut after --length {config.length:,}, without an ending" if sample.is_cut else ""
            display.note(f"written to {place}: {described(score)}{ending}")
            if not (outputs or destination.as_json):
                display.write_result(f"{place}\n")
    _report_instrument(outputs, destination.soundfont)
    if sys.stderr.isatty():
        _show(scores[0])


def numbered(path: Path, count: int) -> list[Path]:
    """Return the paths of the samples: the path itself for one, numbered before the suffix for several."""
    width = len(str(count))
    return [path] if count == 1 else [path.with_stem(f"{path.stem}-{n:0{width}}") for n in range(1, count + 1)]


def is_audio(path: Path) -> bool:
    """Return whether a file is to hold the sound of music."""
    return path.suffix.lower() == ".wav"


def write_score(score: "Score", path: Path, destination: Destination, prime_end: int = 0) -> None:
    """Write a score in the format of the file's suffix.

    Args:
        score: the music.
        path: the file, which is replaced atomically.
        destination: the checkpoint, and what plays an audio file.
        prime_end: step at which the prime ends.
    """
    from seqgen.music.write import rendered

    write_file(path, rendered(score, path.suffix.lower(), prime_end, destination.soundfont), destination.source)


def write_file(path: Path, content: bytes, source: Path) -> None:
    """Replace a file atomically, and record it as a sample in the run, so that no corpus includes it.

    Raises:
        SeqgenError: the file cannot be written.
    """
    try:
        files.replace(path, content)
    except OSError as error:
        raise SeqgenError(f"{path} cannot be written: {error.strerror}; choose another place with --output") from error
    record_sample(path, content, source.resolve().parent)


def described(score: "Score") -> str:
    """Return the size of a score: parts, bars, notes."""
    bars = f"{counted(len(score), 'bar')} of {score.bars[0].numerator}/{score.bars[0].denominator}"
    return f"{counted(len(score.tracks), 'part')}, {bars}, {counted(score.num_notes, 'note')}"


def write_tunes(texts: Sequence[str], path: Path, destination: Destination) -> None:
    """Write each tune in the ABC notation of a text sample to a file, and report how many are valid.

    Args:
        texts: the samples.
        path: the file; several tunes are numbered.
        destination: the checkpoint, and what plays an audio file.

    Raises:
        MusicError: no tune is valid.
    """
    from seqgen.music.read import read

    found = [tune for text in texts for tune in read("the sample.abc", text.encode())]
    tunes = [tune for tune in found if not isinstance(tune, MusicError)]
    if not tunes:
        raise MusicError(
            "no tune",
            f"{path} was not written: the sample contains no valid ABC notation, which only models trained on ABC as "
            "text write; use --output FILE.txt for text",
        )
    for tune, place in zip(tunes, numbered(path, len(tunes)), strict=True):
        write_score(tune.score, place, destination)
        display.note(f"written to {place}: {described(tune.score)}")
    _report_instrument([path], destination.soundfont)
    display.note(f"{len(tunes)} of {len(found)} tunes are valid")


def _report_instrument(paths: Sequence[Path], soundfont: Path | None) -> None:
    """Report what has played the audio files, if there are any."""
    if any(map(is_audio, paths)):
        from seqgen.music.audio import instrument

        display.note(f"played by {instrument(soundfont)}")


def _show(score: "Score") -> None:
    from seqgen.music.textroll import text

    display.note(text(score, min(ROLL_WIDTH, get_terminal_size().columns)))


def _as_json(sample: "Sample", score: "Score", copies: "list[CopiedMelody] | None", prime: str) -> str:
    """Return one line of JSON."""
    notes: list[dict[str, Any]] = [
        {
            "track": track.name or number,
            "onset": note.onset / score.grid,
            "duration": note.duration / score.grid,
            "pitch": note.pitch,
            "velocity": note.velocity,
        }
        for number, track in enumerate(score.tracks, 1)
        for note in track.notes
    ]
    content = {"notes": notes, "prime": prime, "tokens": sample.tokens, "nats": sample.nats, "seed": sample.seed}
    content["ended"] = not sample.is_cut
    if copies is not None:
        content["copied"] = [copy.to_json() for copy in copies]
    return json.dumps(content, ensure_ascii=False) + "\n"
