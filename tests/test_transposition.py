"""Transposition of training pieces: which keys, within the range of each part, and when."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from seqgen.config import CorpusConfig
from seqgen.levels.character import CharacterLevel
from seqgen.levels.note import NoteLevel
from seqgen.levels.note import tokens as t
from seqgen.levels.note.habits import Habits
from seqgen.levels.note.ranges import Part, Range, ranges_of, voice_ranges
from seqgen.levels.note.transposition import ALL_KEYS
from seqgen.music.keys import to_no_signature
from seqgen.music.score import Bar, Note, Score, track_of
from seqgen.training.transposition import ALL_KEYS_FROM_EPOCHS, NEAR_KEYS_FROM_EPOCHS, choose_transposition, variety
from tests.scores import melody, scores

LEVEL = NoteLevel(12)


def score_of(*pitches, programs=None, sharps=0):
    """Return a bar with one whole note per track; a negative program is a drum track."""
    programs = programs or [0] * len(pitches)
    tracks = [
        track_of([Note(0, 48, pitch)], program=max(program, 0), is_drum=program < 0)
        for pitch, program in zip(pitches, programs, strict=True)
    ]
    return Score((Bar(sharps=sharps),), tuple(tracks))


def document(level, score):
    return np.array([t.START, *level.encode(score), t.END])


def test_parts_with_the_same_instrument_have_ranges_by_their_order():
    pieces = [score_of(72, 40, 60, programs=[40, 42, 40]), score_of(80, 50, 36, programs=[40, 40, -1])]
    assert ranges_of(pieces) == {
        Part(40, 1, 2): Range(72, 80),
        Part(40, 2, 2): Range(50, 60),
        Part(42, 1, 1): Range(40, 40),
    }


def test_a_part_that_the_corpus_lacks_has_the_range_of_its_instrument():
    ranges = {Part(40, 1, 2): Range(60, 80), Part(40, 2, 2): Range(50, 70)}
    header = LEVEL.encode(score_of(72, 60, 36, 50, programs=[40, 0, -1, 0])).tolist()
    lowest, highest = voice_ranges(ranges, header)
    assert lowest[:4].tolist() == [50, 0, 0, 0]
    assert highest[:4].tolist() == [80, 127, 127, 127]


@given(score=scores(max_tracks=3))
@settings(max_examples=40)
def test_pieces_are_transposed_within_the_range_of_each_part(score):
    others = [score.transposed(semitones) for semitones in (-2, 3) if is_possible(score, semitones)]
    level = NoteLevel(12, habits=Habits(ranges=ranges_of([score, *others])))
    may_vary = level.may_vary(document(level, score), CorpusConfig(transpose="on"))
    for semitones, is_used in zip(ALL_KEYS, may_vary.tolist(), strict=True):
        is_within = is_possible(score, semitones)
        if is_within:
            own = ranges_of([score.transposed(semitones)])
            is_within = all(
                level.habits.ranges[part].lowest <= lowest and highest <= level.habits.ranges[part].highest
                for part, (lowest, highest) in own.items()
            )
        assert is_used == (is_within or semitones == 0)


def is_possible(score, semitones):
    return all(0 <= note.pitch + semitones < 128 for track in score.tracks if not track.is_drum for note in track.notes)


@pytest.mark.parametrize("mode", ["key", "near"])
def test_an_adapted_level_encodes_pieces_as_it_adapts_prepared_ones(mode):
    level = LEVEL.adapted(CorpusConfig(transpose=mode))
    for sharps in range(-6, 7):
        score = replace(melody(), bars=(Bar(sharps=sharps),) * 2)
        ids = document(LEVEL, score)
        expected = document(LEVEL, score.transposed(to_no_signature(sharps)))
        assert level.adapt(ids).tolist() == document(level, score).tolist() == expected.tolist()
    assert LEVEL.adapted(CorpusConfig(transpose="on")) is LEVEL


def test_pieces_in_neighbouring_keys_have_one_sharp_or_flat_or_none():
    config = CorpusConfig(transpose="near")
    level = LEVEL.adapted(config)
    ids = document(level, melody())
    keys = {level.decode(variant[ids][1:]).bars[0].sharps for variant in level.variants(config)}
    assert keys == {-1, 0, 1}


def test_more_epochs_afford_more_keys():
    auto = CorpusConfig()
    epochs = (1, NEAR_KEYS_FROM_EPOCHS, ALL_KEYS_FROM_EPOCHS)
    assert [choose_transposition(auto, LEVEL, each).transpose for each in epochs] == ["key", "near", "on"]
    assert choose_transposition(CorpusConfig(transpose="off"), LEVEL, 1000).transpose == "off"
    assert variety(CorpusConfig(transpose="on"), LEVEL) > variety(CorpusConfig(transpose="key"), LEVEL) == 1


def test_text_is_not_transposed():
    level = CharacterLevel.fit([["abc"]], CorpusConfig())
    assert choose_transposition(CorpusConfig(), level, 1000).transpose == "off"
