"""Plays scores with a SoundFont (.sf2), a file of recorded instruments, through midirenderer."""

import io
import os
import re
import subprocess
import sys
import wave
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from seqgen.errors import UsageError
from seqgen.music import midi_writer
from seqgen.music.score import Bar, Score, Tempo
from seqgen.music.tempos import seconds_at
from seqgen.music.tones import Samples

SUFFIX = ".sf2"
FOLDERS = (  # in which programs look for SoundFonts, on Linux, macOS and Windows; the user's own come first
    Path("~/.local/share/sounds/sf2"),
    Path("~/.local/share/soundfonts"),
    Path("~/Library/Audio/Sounds/Banks"),
    Path("~/Documents/MuseScore4/SoundFonts"),
    Path("/usr/local/share/sounds/sf2"),
    Path("/usr/local/share/soundfonts"),
    Path("/opt/homebrew/share/soundfonts"),
    Path("/Library/Audio/Sounds/Banks"),
    Path("/usr/share/sounds/sf2"),
    Path("/usr/share/soundfonts"),
    Path(os.environ.get("PROGRAMDATA", "C:/ProgramData"), "soundfonts"),
)
_PROGRAM = """
import pathlib, sys, midirenderer
sys.stdout.buffer.write(midirenderer.render_wave_from(pathlib.Path(sys.argv[1]).read_bytes(), sys.stdin.buffer.read()))
"""
_PATIENCE = 30.0  # seconds to load a SoundFont; playing takes less time than the music
_GENERAL_MIDI = re.compile("default|gm|general", re.IGNORECASE)  # in the name of a file with all instruments


def find(given: Path | None) -> Path | None:
    """Return the SoundFont to play with: the given one, or an installed one of General MIDI, if any.

    Raises:
        UsageError: the given file cannot be read or is no SoundFont, or midirenderer is not installed.
    """
    is_installed = find_spec("midirenderer") is not None
    if given is None:
        return next(filter(_is_soundfont, _installed()), None) if is_installed else None
    try:
        is_soundfont = _is_soundfont(given)
    except OSError as error:
        raise UsageError(f"--soundfont {given} cannot be read: {error.strerror}") from error
    if not is_soundfont:
        raise UsageError(f"--soundfont must be a SoundFont ({SUFFIX}), which {given} is not")
    if not is_installed:
        raise UsageError("--soundfont needs the package midirenderer: pip install midirenderer")
    return given


def play(score: Score, path: Path, tail: float) -> tuple[Samples, int]:
    """Return the sound of a score from the first bar or pickup, (2, N), and the number of samples per second.

    Args:
        score: the music.
        path: a SoundFont.
        tail: seconds after the last bar, in which the sound fades.

    Raises:
        UsageError: the SoundFont is damaged or compressed.
        MusicError: MIDI cannot represent a tempo.
    """
    start, end = seconds_at(score, [score.start, score.num_steps])
    content = _rendered(midi_writer.rendered(_with_rest(score, tail)), path, _PATIENCE + (end - start))
    with wave.open(io.BytesIO(content)) as file:
        rate = file.getframerate()
        frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
    first, stop = round(start * rate), round((end + tail) * rate)
    return frames[first:stop].T.astype(np.float32), rate


def _rendered(midi: bytes, path: Path, seconds: float) -> bytes:
    """Return the sound of a MIDI file as a WAV file.

    A process of its own plays it, which is ended after this time: a damaged SoundFont can keep midirenderer in an
    endless loop or let it abort.

    Raises:
        UsageError: the SoundFont is damaged or compressed.
    """
    command = [sys.executable, "-P", "-c", _PROGRAM, str(path)]
    try:
        done = subprocess.run(command, input=midi, capture_output=True, timeout=seconds, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        reason = f"it takes longer than {seconds:.0f} s"
    else:
        if not done.returncode:
            return done.stdout
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]  # "RuntimeError: SoundFont error: ..."
        reason = last.partition(": ")[2].removeprefix("SoundFont error: ") or last or "midirenderer aborts"
    raise UsageError(f"the SoundFont {path} cannot be used ({reason}): give another with --soundfont")


def _with_rest(score: Score, seconds: float) -> Score:
    """Return the score with an empty bar of this length at the end, without which the last note would be cut."""
    tempo = Tempo(score.num_steps, 4 * 60 / seconds)
    return replace(score, bars=(*score.bars, Bar()), tempos=(*score.tempos, tempo))


def _installed() -> list[Path]:
    """Return the installed SoundFonts that seem to have all instruments of General MIDI, the default first."""
    found: list[Path] = []
    for folder in FOLDERS:
        paths = sorted(folder.expanduser().glob(f"*{SUFFIX}"))
        paths = [path for path in paths if _GENERAL_MIDI.search(path.name) and os.access(path, os.R_OK)]
        found += sorted(paths, key=lambda path: not path.name.startswith("default"))
    return found


def _is_soundfont(path: Path) -> bool:
    """Return whether a file begins like a SoundFont.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        beginning = file.read(12)
    return beginning[:4] == b"RIFF" and beginning[8:] == b"sfbk"
