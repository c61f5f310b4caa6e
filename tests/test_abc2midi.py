"""The tunes of music21's corpus, compared note for note with abc2midi, if it is installed.

`NUM_TUNES=0 pytest -s tests/test_abc2midi.py` compares all tunes in a few minutes, and prints the number of differences
by reason (`reason_of`). Almost all are in tunes that the definition of ABC does not cover.
abc2midi swings hornpipes, plays ornaments and lengthens fermatas, so these are removed beforehand.
"""

import os
import random
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import music21
import pytest
import symusic

from seqgen.errors import MusicError
from seqgen.music import abc_reader, notices, played_measures

GRID = 480  # ticks per quarter note of abc2midi
NUM_TUNES = int(os.environ.get("NUM_TUNES", "100"))
FIELD = re.compile(r"[A-Za-z]:(?![|:])|%")
ORNAMENT = re.compile(r'"[^"]*"|![^!\s]*!|\{[^{}]*\}|[~.HLMOPSTuv]')
ENDING = re.compile(r"(?:\||\[)\s*\[?[1-9]")
UNEQUAL = re.compile(r"\[[^\]|:]*\d[^\]|]*\]")

pytestmark = pytest.mark.skipif(shutil.which("abc2midi") is None, reason="abc2midi is not installed")


def tunes():
    """Return the name and text of each tune, or of a random sample."""
    folder = Path(music21.__file__).with_name("corpus")
    found = [tune for path in sorted(folder.rglob("*.abc")) for tune in abc_reader.tunes(path.name, path.read_bytes())]
    return random.Random(1).sample(found, NUM_TUNES) if NUM_TUNES else found


def plain(tune):
    """Return a tune without what abc2midi plays as an ornament."""
    lines = [line if FIELD.match(line) else ORNAMENT.sub("", line) for line in tune.split("\n")]
    text = "\n".join(line for line in lines if not line.startswith("R:"))
    return re.sub(r"^(K:.*)$", r"\1\n%%MIDI chordattack 0", text, count=1, flags=re.MULTILINE)


def by_abc2midi(tune, folder):
    """Return onset, duration and pitch of each note, and what abc2midi prints."""
    source, output = folder / "tune.abc", folder / "tune.mid"
    source.write_text(tune, encoding="utf-8")
    output.unlink(missing_ok=True)
    command = ["abc2midi", source, "-o", output, "-NGUI", "-NGRA", "-NFER"]
    printed = subprocess.run(command, capture_output=True, check=False).stdout.decode(errors="replace")
    if not output.exists():
        return None, printed
    score = symusic.Score(output)
    return Counter(
        (note.time - 1, note.duration + 1, note.pitch) for track in score.tracks for note in track.notes
    ), printed


def by_seqgen(tune):
    try:
        score, counts = abc_reader.score_of(tune, GRID)
    except MusicError:
        return None, {}
    return Counter((note.onset - score.start, note.duration, note.pitch) for note in score.notes), counts


def reason_of(tune, printed, counts):
    """Return why the two programs may differ, or an empty text."""
    music = "\n".join(line for line in tune.split("\n") if not FIELD.match(line))
    if re.search(r"rror (?!.*(?:not recognized|not equal durations))", printed):
        return "abc2midi reports an error"
    if ENDING.search(music):
        return "endings without the beginning of a repeat, after which abc2midi repeats nothing"
    if "||:" in music or music.count(":|") + music.count("::") > music.count("|:") + music.count("::"):
        return "end of a repeat without its beginning"
    if counts.get(notices.STRETCHED) or counts.get(notices.QUANTIZED):
        return "lengths for which there is no time signature, or no tick"
    return "chords with notes of unequal lengths, which abc2midi equalizes" if UNEQUAL.search(music) else ""


def test_tunes_have_the_notes_of_abc2midi(tmp_path, monkeypatch):
    monkeypatch.setattr(played_measures, "_slack", lambda *_: None)  # sections keep their lengths
    reasons, unexplained = Counter(), []
    for name, text in (sample := tunes()):
        tune = plain(text)
        theirs, printed = by_abc2midi(tune, tmp_path)
        ours, counts = by_seqgen(tune)
        if ours != theirs:
            reason = reason_of(tune, printed, counts)
            reasons[reason] += 1
            unexplained += [] if reason else [name]
    print(f"{len(sample) - reasons.total():,} of {len(sample):,} tunes are equal", *reasons.most_common(), sep="\n")
    assert reasons.total() <= 0.03 * len(sample)
    assert not unexplained
