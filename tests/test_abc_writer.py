"""Written ABC, compared with tunes written by hand and with the notes that music21 reads."""

from collections import Counter
from dataclasses import replace

import music21
import pytest
from hypothesis import assume, example, given, settings

from seqgen.music.abc_reader import score_of
from seqgen.music.abc_writer import rendered
from seqgen.music.score import Bar, Note, Score, Tempo, track_of
from tests.scores import melody, scores
from tests.test_write import notes_of, sounding


def body(score):
    """Return the lines of music, and of changes between them."""
    lines = rendered(score).splitlines()
    begin = next(place for place, line in enumerate(lines) if line.startswith("K:"))
    return [line for line in lines[begin + 1 :] if not line.startswith(("%%MIDI", "V:"))]


def line(durations, pitches, *bars):
    """Return the music of consecutive notes; a pitch of 0 is a rest."""
    onset, notes = 0, []
    for duration, pitch in zip(durations, pitches, strict=True):
        notes += [Note(onset, duration, pitch)] if pitch else []
        onset += duration
    (text,) = body(Score(bars, (track_of(notes),)))
    return text


def test_a_tune_equals_one_written_by_hand():
    notes = [(36, 6, 62), (42, 6, 64), (48, 12, 66), (60, 6, 69), (66, 6, 68), (72, 18, 67), (90, 6, 66), (96, 48, 62)]
    score = Score((Bar(4, 4, 2),) * 3, (track_of([Note(*n) for n in notes], "Reel", 73),), 12, (Tempo(0, 96.0),))
    assert rendered(score).splitlines() == [
        "%abc-2.1",
        "X:1",
        "T:Reel",
        "M:4/4",
        "L:1/8",
        "Q:1/4=96",
        "K:D",
        "%%MIDI program 73",
        "DE | F2 A^G =G3 F | D8 |]",
    ]


@pytest.mark.parametrize(
    ("durations", "pitches", "bar", "text"),
    [
        ([12, 12, 12, 12], [60, 0, 72, 84], Bar(), "C2 z2 c2 c'2 |]"),
        ([24, 24], [47, 35], Bar(), "B,,4 B,,,4 |]"),
        ([3, 3, 6, 36], [60, 60, 60, 60], Bar(), "C/2C/2C C6 |]"),
        ([4, 4, 4, 36], [60, 62, 64, 65], Bar(), "(3CDE F6 |]"),
        ([4] * 6, [60, 62, 64, 65, 67, 69], Bar(2, 4), "(3CDE (3FGA |]"),
        ([8, 4, 36], [60, 62, 64], Bar(), "(3:2:2C2 D E6 |]"),
        ([15, 33], [60, 62], Bar(), "C2- C/2D3/2- D4 |]"),
        ([6, 6, 6, 6, 12], [61, 61, 60, 61, 73], Bar(3, 4), "^CC =C^C ^c2 |]"),
        ([6, 6, 6, 6, 12], [61, 60, 61, 61, 62], Bar(3, 4, 2), "C=C ^CC D2 |]"),
        ([6] * 6, [63, 63, 62, 58, 58, 59], Bar(6, 8, -3), "EED B,B,=B, |]"),
        ([12, 12, 12], [66, 66, 66], Bar(3, 4, -6), "G2 G2 G2 |]"),
        ([12, 12, 12], [67, 67, 67], Bar(3, 4, 7), "^^F2 ^^F2 ^^F2 |]"),
    ],
)
def test_notes_have_lengths_beams_tuplets_and_signs(durations, pitches, bar, text):
    assert line(durations, pitches, bar) == text


def test_notes_are_tied_across_bars_and_signs_are_repeated():
    assert line([24, 36, 36], [61, 61, 60], Bar(), Bar()) == "^C4 C4- | ^C2 =C6 |]"


def test_chords_are_in_brackets_with_individual_ties_and_signs():
    chords = [(0, 12, 60), (0, 12, 64), (12, 60, 61), (12, 60, 65), (72, 24, 61)]
    assert body(melody(chords)) == ["[CE]2 [^CF]6- | [^CF]4 ^C4 |]"]
    five = track_of([Note(3 * place, 15, 60 + 2 * place) for place in range(5)], program=40)
    assert body(Score((Bar(),), (five,))) == [
        "C/2-[CD]/2-[CDE]/2-[CDE^F]/2- [CD-E-^F-^G-]/2[DE-^F-^G-]/2[E^F-^G-]/2[^F^G-]/2 ^G/2 z/2 z z2 |]"
    ]


def test_changes_are_on_separate_lines_and_a_line_has_four_bars():
    bars = (*(Bar(2, 4),) * 5, *(Bar(6, 8, -1),) * 2)
    tempos = (Tempo(0, 120.0), Tempo(110, 60.0))
    score = Score(bars, (track_of([Note(24 * n, 24, 60) for n in range(5)]),), tempos=tempos)
    assert body(score) == ["C4 | C4 | C4 | C4 |", "C4 |", "M:6/8", "K:F", "Q:3/8=40", "z6 | z6 |]"]


def test_voices_of_one_track_share_a_staff():
    soprano = track_of([Note(0, 48, 72)], 'So"prano%', 52)
    violin = track_of([Note(0, 48, 60), Note(0, 24, 72), Note(24, 24, 74)], "Violin", 40)
    piano = track_of([Note(0, 48, 76), Note(0, 48, 40)], "Piano")
    drums = track_of([Note(0, 48, 36)], is_drum=True)
    assert rendered(Score((Bar(),), (soprano, violin, piano, drums))).splitlines()[2:] == [
        "T:Untitled",
        "M:4/4",
        "L:1/8",
        "Q:1/4=120",
        "%%score 1 (2 3) {4 5} 6",
        "K:C",
        'V:1 name="So\'prano" clef=treble',
        "%%MIDI program 52",
        "c8 |]",
        'V:2 name="Violin" clef=treble',
        "%%MIDI program 40",
        "c4 d4 |]",
        "V:3 clef=treble",
        "%%MIDI program 40",
        "C8 |]",
        'V:4 name="Piano" clef=treble',
        "%%MIDI program 0",
        "e8 |]",
        "V:5 clef=bass",
        "%%MIDI program 0",
        "E,,8 |]",
        'V:6 name="Drums" clef=perc',
        "%%MIDI channel 10",
        "C,,8 |]",
    ]


def in_range(score):
    """Return the score with pitches from 24 to 107, as music21 reads no lower octaves."""
    tracks = (
        track_of([note._replace(pitch=24 + note.pitch % 84) for note in track.notes], is_drum=track.is_drum)
        for track in score.tracks
    )
    return replace(score, tracks=tuple(tracks))


@given(score=scores(max_tracks=2).map(in_range))
@settings(max_examples=40)
def test_music21_reads_the_same_notes(score):
    text = rendered(score)
    music = [line for line in text.splitlines() if line[1:2] != ":" and line[0] != "%"]
    assume(not any("[" in word and "-" in word for line in music for word in line.split()))  # it loses ties of chords
    assume(len({bar[1:] for bar in score.bars}) == 1 or "V:" not in text)  # and changes in all voices but one
    stream = music21.converter.parse(text, format="abc")
    found = stream if stream.hasPartLikeStreams() else music21.stream.Score([stream])
    assert sum(sounding(found, score.grid, score.start), Counter()) == notes_of(score)


def spans(notes, start):
    return Counter((note.onset - start, note.duration, note.pitch) for note in notes)


def tracks_of(score):
    """Return program, kind and notes of each track."""
    return [(track.program, track.is_drum, spans(track.notes, score.start)) for track in score.tracks]


GRAND = track_of([Note(0, 48, 76), Note(0, 48, 40)], "Piano")  # on two staves
TIED = Score(  # E sharp is tied into a bar in which E natural begins
    (Bar(10, 16, 3), Bar(1, 2)),
    (
        track_of(
            [Note(0, 31, 41), Note(0, 32, 1), Note(1, 30, 2), Note(2, 29, 0), Note(30, 1, 40)],
            is_drum=True,
        ),
    ),
)


@given(score=scores(max_tracks=3))
@example(score=TIED)
@settings(max_examples=60, deadline=None)
def test_the_reader_reads_each_written_track(score):
    found, _ = score_of(rendered(score), score.grid)
    assert tracks_of(found) == tracks_of(score)
    assert found.bars[: len(score.bars)] == tuple(score.bars)
    assert found.pickup == score.pickup
