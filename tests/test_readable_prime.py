"""Primes with pitches that the model has never seen."""

import pytest

from seqgen.errors import UsageError
from seqgen.levels.note import NoteLevel
from seqgen.levels.note import tokens as t
from seqgen.music.score import Bar, Note, Score, track_of
from seqgen.sampling.readable_prime import readable

WHITE = [pitch for pitch in range(48, 81) if pitch % 12 in (0, 2, 4, 5, 7, 9, 11)]
LEVEL = NoteLevel(12)


def unseen(pitches=(), drums=()):
    """Return the ids of all other pitches and drums."""
    others = [t.PITCH + pitch for pitch in range(128) if pitch not in pitches]
    return others + [t.DRUM + pitch for pitch in range(128) if pitch not in drums]


def score(*tracks, sharps=0):
    return Score((Bar(sharps=sharps),) * 2, tracks)


def part(*pitches, name="", is_drum=False):
    return track_of([Note(12 * place, 12, pitch) for place, pitch in enumerate(pitches)], name, is_drum=is_drum)


def pitches_of(track):
    return [note.pitch for note in track.notes]


def test_single_notes_out_of_range_move_and_the_others_stay():
    read = readable(score(part(36, 60, 96, 36)), LEVEL, unseen(WHITE))
    assert pitches_of(read.score.tracks[0]) == [48, 60, 72, 48]
    assert read.notices == [
        "3 notes of the prime read in another octave, in which the model has seen them: C2 as C3, C7 as C5"
    ]


def test_notes_out_of_range_keep_their_intervals_if_possible():
    """43 alone would move to 55, but 41 and 36 as well fit only two octaves higher."""
    known = range(55, 81)
    assert pitches_of(readable(score(part(43, 41, 36, 60)), LEVEL, unseen(known)).score.tracks[0]) == [67, 65, 60, 60]


def test_a_pitch_that_occurs_in_no_octave_is_omitted_and_counted():
    read = readable(score(part(61, 60, 61, 24)), LEVEL, unseen(WHITE))
    assert [note[:3] for note in read.score.tracks[0].notes] == [(12, 12, 60), (36, 12, 48)]
    assert read.notices == [
        "1 note of the prime read in another octave, in which the model has seen them: C1 as C3",
        "2 notes of the prime not read, because the model has never seen them: C#4",
    ]


def test_notes_that_meet_after_moving_are_counted():
    chord = track_of([Note(0, 12, 60), Note(0, 12, 24), Note(12, 12, 62)])
    read = readable(score(chord), LEVEL, unseen([60, 62]))
    assert pitches_of(read.score.tracks[0]) == [60, 62]
    assert read.notices[1:] == ["1 doubled note omitted in the prime"]


def test_unknown_drums_are_omitted_and_counted():
    read = readable(score(part(36, 56, 38, is_drum=True)), LEVEL, unseen(drums=[36, 38]))
    assert pitches_of(read.score.tracks[0]) == [36, 38]
    assert read.score.tracks[0].is_drum
    assert read.notices == ["1 note of the prime not read, because the model has never seen them: Cowbell"]


def test_parts_of_which_nothing_is_known_are_not_read():
    tune, kit = part(60, 62), part(36, name="Kit", is_drum=True)
    for known, read_part, unread_part in ((unseen(WHITE), tune, kit), (unseen(drums=[36]), kit, tune)):
        read = readable(score(kit, tune), LEVEL, known)
        assert (read.score.tracks, read.unread) == ((read_part,), (unread_part,))
    assert readable(score(kit, tune), LEVEL, unseen(WHITE)).notices == [
        "part Kit ends with the prime, because the model has never seen its notes"
    ]


def test_pitches_have_the_names_that_were_given_and_not_those_of_the_models_key():
    """The prime is in D, and the model reads it in C: it knows D4 as D5, and C#2 only as B."""
    level = NoteLevel(12, is_in_one_key=True)
    read = readable(score(part(62, 37, 34), sharps=2), level, unseen(range(60, 73)))
    assert read.notices == [
        "2 notes of the prime read in another octave, in which the model has seen them: C#2 as C#5, A#1 as A#4"
    ]
    with pytest.raises(UsageError, match="contains D4, which .* in any octave: its pitches are E4 to E4"):
        readable(score(part(62), sharps=2), level, unseen([62]))


def test_names_have_the_flats_of_the_key_and_no_b_sharp():
    assert readable(score(part(34, 58), sharps=-2), LEVEL, unseen([58])).notices[0].endswith("Bb1 as Bb3")
    assert readable(score(part(36, 60), sharps=7), LEVEL, unseen([60])).notices[0].endswith("C2 as C4")


@pytest.mark.parametrize(
    ("track", "known", "words"),
    [
        (
            part(60),
            unseen(drums=[36]),
            "^--prime must contain drums, because this model writes drums only: use --prime @FILE",
        ),
        (
            part(36, is_drum=True),
            unseen(WHITE),
            "^--prime must contain pitched notes, because this model writes no drums",
        ),
        (part(56, is_drum=True), unseen(drums=[36, 38]), "never seen: its drums are Bass drum, Snare$"),
        (part(56, is_drum=True), unseen(WHITE, [38]), "never seen: its drums are Snare$"),
        (part(61, 66), unseen(WHITE), "^--prime contains C#4, F#4, which .* octave: its pitches are C3 to G5$"),
    ],
)
def test_a_prime_without_any_known_note_is_rejected_with_what_the_model_knows(track, known, words):
    with pytest.raises(UsageError, match=words):
        readable(score(track), LEVEL, known)
