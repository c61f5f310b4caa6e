"""The composer: from a prime to pieces of music."""

from dataclasses import replace

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqgen.config import SamplingConfig
from seqgen.errors import UsageError
from seqgen.levels.note import NoteLevel
from seqgen.levels.note import tokens as t
from seqgen.levels.note.encoder import TrackHeader
from seqgen.levels.note.habits import Habits
from seqgen.levels.note.ranges import Part, Range
from seqgen.music.score import Bar, Note, Score, Tempo, Track, track_of
from seqgen.music.theory import key_name
from seqgen.sampling.common_start import common_start
from seqgen.sampling.composer import compose, without_prime
from seqgen.sampling.sampler import Sample
from tests.scores import forms, melody, scores

CHOIR = tuple(TrackHeader(52, is_drum=False, num_voices=1, name=name) for name in ("Soprano", "Alto", "Tenor", "Bass"))
LEVEL = NoteLevel(12, habits=Habits(layouts=[CHOIR]))
SOLO = NoteLevel(12, habits=Habits(layouts=[(TrackHeader(0, is_drum=False, num_voices=1, name="Flute"),)]))


def write(make_model, level=LEVEL, prime=None, num_samples=3, unseen=(), **options):
    model = make_model(level.vocabulary_size, num_factors=level.num_factors)
    samples = [Sample(seed) for seed in range(num_samples)]
    config = SamplingConfig(length=options.pop("length", 600), num_samples=num_samples, **options)
    return composed(model, level, prime, config, samples, list(unseen)), samples


def composed(model, level, prime, config, samples, unseen=()):
    return compose(model, level, common_start(level, prime, config, unseen), config, samples, unseen)


def notes_before(track, end):
    """Return the notes of a track that begin before a time."""
    return [note[:3] for note in track.notes if note.onset < end]


def test_an_untrained_model_writes_the_requested_number_of_bars(make_model):
    pieces, samples = write(make_model, bars=3)
    assert all(0 < len(piece) <= 3 and piece.num_notes for piece in pieces)
    assert all(sample.is_finished and sample.tokens and sample.nats > 0 for sample in samples)


@given(prime=scores(max_tracks=4) | forms(), seed=st.integers(0, 100))
@example(prime=Score((Bar(1, 2),), tuple(track_of([Note(0, steps, 60)]) for steps in (1, 1, 24))), seed=0)
@settings(max_examples=20)
def test_music_continues_any_prime(prime, seed):
    """Each part of the prime has its notes and its instrument in some track of the piece."""
    from seqgen.config import ModelConfig
    from seqgen.model.language_model import LanguageModel

    layout = (CHOIR[0]._replace(num_voices=2), *CHOIR[1:3])
    level = NoteLevel(12, habits=Habits(layouts=[layout, layout[:2]]))
    config = ModelConfig(num_layers=1, hidden_size=16, embedding_size=8, dropout=0.0)
    model = LanguageModel(config, level.vocabulary_size, num_factors=level.num_factors)
    model.initialise(torch.Generator().manual_seed(seed), torch.zeros(level.vocabulary_size))
    options = SamplingConfig(length=5000, bars=2)
    if any(track.is_drum for track in prime.tracks) or not any(track.notes for track in prime.tracks):
        return
    (piece,) = composed(model.eval(), level, prime, options, [Sample(seed)], [])
    end = max(note.end for note in prime.notes)
    if len(piece) >= len(prime):
        written = [(track.program, notes_before(track, end)) for track in piece.tracks]
        assert all((track.program, notes_before(track, end)) in written for track in prime.tracks)
    assert len(piece) <= len(prime) + 2


@pytest.mark.parametrize("prime", [None, melody(), melody(num_bars=80)])
@pytest.mark.parametrize("num_bars", [1, 6, 70])
def test_a_piece_ends_at_the_requested_bar(make_model, prime, num_bars):
    """However much the model prefers to end or to repeat bars."""
    model = make_model(LEVEL.vocabulary_size, num_factors=LEVEL.num_factors)
    for token, bias in ((LEVEL.END, 9), (t.REPEAT, 3), (t.POSITION + 1, 3)):
        with torch.no_grad():
            model.output_bias[token] += bias
    samples = [Sample(seed) for seed in range(4)]
    pieces = composed(model, SOLO, prime, SamplingConfig(bars=num_bars), samples, [])
    assert [len(piece) for piece in pieces] == [(len(prime) if prime else 0) + num_bars] * 4
    assert not any(sample.is_cut for sample in samples)


def test_by_default_a_piece_with_a_prime_has_the_usual_length_of_the_corpus(make_model):
    level = NoteLevel(12, habits=Habits(layouts=SOLO.habits.layouts, num_bars=6))
    for num_bars, expected in ((2, 6), (5, 8), (10, 13)):
        pieces, _ = write(make_model, level, melody(num_bars=num_bars), num_samples=2, length=10_000)
        assert {len(piece) for piece in pieces} == {expected}


def test_a_piece_of_the_maximum_length_in_tokens_is_cut(make_model):
    pieces, samples = write(make_model, SOLO, melody(), bars=64, length=12)
    assert all(sample.is_cut and sample.tokens == 12 for sample in samples)
    assert all(len(piece) < 64 for piece in pieces)


def test_by_default_the_model_chooses_the_length(make_model):
    pieces, samples = write(make_model, SOLO, num_samples=40, length=30_000)
    assert {len(piece) for piece in pieces} <= set(range(1, 65))
    assert len({len(piece) for piece in pieces}) > 10
    assert not any(sample.is_cut for sample in samples)
    long = NoteLevel(12, habits=Habits(layouts=SOLO.habits.layouts, num_bars=80))
    assert {len(piece) for piece in write(make_model, long, num_samples=4, length=30_000)[0]} == {64}


def test_only_metres_of_the_corpus_are_written(make_model):
    level = NoteLevel(12, habits=Habits(layouts=SOLO.habits.layouts, metres=[(3, 4), (6, 8)]))
    model = make_model(level.vocabulary_size, num_factors=level.num_factors)
    with torch.no_grad():
        model.output_bias[t.METRE] += 5  # many changes
    pieces = composed(model, level, None, SamplingConfig(bars=12), [Sample(seed) for seed in range(12)], [])
    assert {bar[:2] for piece in pieces for bar in piece.bars} == {(3, 4), (6, 8)}


@pytest.mark.parametrize("sharps", [None, -2, 3])
@pytest.mark.parametrize("is_in_one_key", [False, True])
def test_every_part_keeps_to_its_range_in_any_key(make_model, is_in_one_key, sharps):
    ranges = {Part(52, 1, 2): Range(60, 81), Part(52, 2, 2): Range(40, 60), Part(0, 1, 1): Range(20, 30)}
    habits = Habits(layouts=[CHOIR[:2]], ranges=ranges, keys={1: 3, -3: 1})
    level = NoteLevel(12, is_in_one_key=is_in_one_key, habits=habits)
    model = make_model(level.vocabulary_size, num_factors=level.num_factors)
    choir = Score((Bar(),), tuple(track_of([Note(0, 48, pitch)], program=52) for pitch in (72, 48)))
    key = None if sharps is None else key_name(sharps, "major")
    prime = None if sharps is None else replace(choir, bars=(Bar(sharps=sharps),))
    samples = [Sample(seed) for seed in range(6)]
    pieces = composed(model, level, prime, SamplingConfig(bars=8, key=key), samples, [])
    for piece in pieces:
        pitched = [track for track in piece.tracks if not track.is_drum]
        for track in pitched:
            alike = [other for other in pitched if other.program == track.program]
            part = Part(track.program, alike.index(track) + 1, len(alike))
            known = [own for other, own in ranges.items() if other.program == part.program]
            lowest, highest = ranges.get(part) or (
                (min(own.lowest for own in known), max(own.highest for own in known)) if known else (0, 127)
            )
            assert all(lowest <= note.pitch <= highest for note in track.notes)
    if prime is not None:
        assert all(piece.bars[0].sharps == sharps and len(piece.tracks) == 2 for piece in pieces)
    if is_in_one_key and prime is None:
        assert {piece.bars[0].sharps for piece in pieces} <= {1, -3}


def test_a_melody_becomes_the_highest_part_and_the_others_are_written(make_model):
    pieces, _ = write(make_model, prime=melody(), bars=2, length=2000)
    for piece in pieces:
        assert [track.name for track in piece.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
        assert notes_before(piece.tracks[0], 96) == [note[:3] for note in melody().tracks[0].notes]


def test_notes_of_the_prime_keep_their_ends(make_model):
    """The last note of a prime is not prolonged by the continuation."""
    prime = melody([(0, 18, 60)], num_bars=1)
    for level in (LEVEL, SOLO):
        pieces, _ = write(make_model, level, prime, bars=1, length=2000)
        assert all(piece.tracks[0].notes[0][:3] == (0, 18, 60) for piece in pieces)


def test_a_seed_reproduces_a_piece(make_model):
    assert write(make_model, bars=2)[0] == write(make_model, bars=2)[0]
    assert write(make_model, bars=2, num_samples=1)[0] == write(make_model, bars=2)[0][:1]


def test_without_prime_returns_the_part_after_the_prime(make_model):
    piece = Score((Bar(),) * 3, (track_of([Note(0, 60, 60), Note(60, 36, 62), Note(100, 12, 64)]),))
    rest = without_prime(piece, 60)
    assert [note[:3] for note in rest.notes] == [(12, 36, 62), (52, 12, 64)]
    assert len(rest) == 2
    assert [note[:3] for note in without_prime(piece, 96).notes] == [(4, 12, 64)]


def test_tempo_and_key_are_as_requested(make_model):
    (piece, *_), _ = write(make_model, bars=1, tempo=66.0, key="Bb")
    assert piece.tempos[0].quarters_per_minute == 66.0
    assert piece.bars[0].sharps == -2


@pytest.mark.parametrize(
    ("finals", "pitches", "key", "final"),
    [
        ([0, 9], [60, 64, 67], None, 0),
        ([0, 9], [57, 60, 64], None, 9),
        ([0], [57, 60, 64], None, 0),
        ([7, 0], [57, 60, 64], None, 7),
        ([], [57, 60, 64], None, t.UNKNOWN_FINAL),
        ([0], [60, 64, 67], "Am", 9),
        ([0, 9], None, "F#m", 9),
        ([9], None, "Eb", 0),
        ([0, 9], None, None, None),
    ],
)
@pytest.mark.parametrize("is_in_one_key", [False, True])
def test_a_piece_is_led_to_the_tonic_of_its_key(finals, pitches, key, final, is_in_one_key):
    """That of the requested key, or of the prime if training pieces end on it; otherwise the model chooses."""
    level = NoteLevel(12, is_in_one_key=is_in_one_key, habits=Habits(layouts=SOLO.habits.layouts, finals=finals))
    prime = pitches and melody([(12 * place, 12, pitch) for place, pitch in enumerate(pitches)])
    start = common_start(level, prime, SamplingConfig(key=key), [])
    header = dict(enumerate(start.ids[1:])) | {
        place + len(start.ids) - 1: token for place, token in start.header.items()
    }
    assert header.get(1) == (None if final is None else t.FINAL + final)


def test_a_key_of_the_training_set_is_chosen_by_default(make_model):
    level = NoteLevel(12, habits=Habits(layouts=SOLO.habits.layouts, keys={-1: 1, 2: 5}))
    free, _ = write(make_model, level, num_samples=12, bars=1)
    assert {piece.bars[0].sharps for piece in free} == {-1, 2}
    (asked, *_), _ = write(make_model, level, bars=1, key="F#")
    assert asked.bars[0].sharps == 6


def test_a_model_in_one_key_returns_to_the_key_of_the_prime(make_model):
    level = NoteLevel(12, is_in_one_key=True, habits=Habits(layouts=SOLO.habits.layouts))
    prime = melody().transposed(2)
    assert prime.bars[0].sharps == 2
    (piece, *_), _ = write(make_model, level, prime, bars=1)
    assert piece.bars[0].sharps == 2
    assert notes_before(piece.tracks[0], 96) == [note[:3] for note in prime.tracks[0].notes]
    (free, *_), _ = write(make_model, level, bars=1, key="f#m")
    assert free.num_notes


def test_a_prime_has_its_tempos_names_and_instruments_in_the_piece(make_model):
    tempos = (Tempo(0, 60.0), Tempo(24, 80.0))
    violin = replace(melody(tempos=tempos).tracks[0], name="My Violin", program=40)
    prime = Score((Bar(),) * 2, (violin,), tempos=tempos)
    (piece, *_), _ = write(make_model, prime=prime, bars=1, length=2000)
    assert piece.tempos == tempos
    looks = [(track.name, track.program) for track in piece.tracks]
    assert looks == [("My Violin", 40), ("Alto", 52), ("Tenor", 52), ("Bass", 52)]
    (fast, *_), _ = write(make_model, prime=prime, bars=1, length=2000, tempo=150)
    assert fast.tempos == (Tempo(0, 150),)


def test_parts_of_a_prime_in_any_order_fill_the_tracks_of_their_names(make_model):
    names = ["Bass", "tenor", "Soprano", "ALTO"]
    parts = [Track((Note(0, 48, 50 + number),), name, program=number) for number, name in enumerate(names)]
    pieces, _ = write(make_model, prime=Score((Bar(),), tuple(parts)), bars=1, length=2000)
    for piece in pieces:
        assert [(track.name, track.program) for track in piece.tracks] == [
            ("Soprano", 2),
            ("ALTO", 3),
            ("tenor", 1),
            ("Bass", 0),
        ]
        assert [track.notes[0][:3] for track in piece.tracks] == [(0, 48, pitch) for pitch in (52, 53, 51, 50)]


def test_a_single_bass_is_the_bass_and_the_other_parts_are_written(make_model):
    prime = Score((Bar(),), (Track((Note(0, 48, 45),), "Bass", 32),))
    pieces, _ = write(make_model, prime=prime, bars=1, length=2000)
    for piece in pieces:
        assert [track.name for track in piece.tracks] == ["Soprano", "Alto", "Tenor", "Bass"]
        assert notes_before(piece.tracks[3], 48) == [(0, 48, 45)]
        assert piece.tracks[3].program == 32


def test_drums_that_the_model_does_not_know_stay_drums_until_the_prime_ends(make_model):
    drums = track_of([Note(0, 24, 36), Note(72, 24, 38)], "Kit", is_drum=True)
    prime = replace(melody(), tracks=(drums, *melody().tracks))
    unseen = [t.DRUMS, *range(t.DRUM, t.POSITION + 1)]
    pieces, _ = write(make_model, prime=prime, bars=1, length=2000, unseen=unseen)
    for piece in pieces:
        assert [track.name for track in piece.tracks] == ["Soprano", "Alto", "Tenor", "Bass", "Kit"]
        assert piece.tracks[4].is_drum
        assert notes_before(piece.tracks[4], 200) == [note[:3] for note in drums.notes]
        assert notes_before(piece.tracks[0], 96) == [note[:3] for note in melody().tracks[0].notes]


def test_a_model_of_drums_continues_drums_and_rejects_notes(make_model):
    kit = (TrackHeader(0, is_drum=True, num_voices=1, name="Kit"),)
    level, unseen = NoteLevel(12, habits=Habits(layouts=[kit])), range(t.PITCH, t.DRUM)
    drums = track_of([Note(0, 24, 36), Note(24, 24, 38)], "My kit", is_drum=True)
    pieces, _ = write(make_model, level, Score((Bar(),), (drums,)), bars=1, unseen=unseen)
    for piece in pieces:
        (track,) = piece.tracks
        assert (track.name, track.is_drum) == ("My kit", True)
        assert notes_before(track, 48) == [note[:3] for note in drums.notes]
    with pytest.raises(UsageError, match="this model writes drums only: use --prime @FILE with a drum part, or omit"):
        write(make_model, level, melody(), unseen=unseen)
    with pytest.raises(UsageError, match="--instrument is for models of pitched parts; this model writes drums only"):
        write(make_model, level, instrument=("violin",), unseen=unseen)


def test_nothing_is_added_to_a_part_of_the_prime_while_other_parts_are_written(make_model):
    duo = (TrackHeader(0, is_drum=False, num_voices=3, name="A"), TrackHeader(0, is_drum=False, num_voices=1, name="B"))
    pieces, _ = write(make_model, NoteLevel(12, habits=Habits(layouts=[duo])), melody(), bars=1, length=2000)
    for piece in pieces:
        assert notes_before(piece.tracks[0], 96) == [note[:3] for note in melody().tracks[0].notes]
        assert notes_before(piece.tracks[1], 96)


def test_drums_that_no_layout_has_are_continued_if_the_model_knows_them(make_model):
    drums = track_of([Note(0, 24, 36), Note(72, 24, 38)], "Kit", is_drum=True)
    pieces, _ = write(make_model, SOLO, replace(melody(), tracks=(*melody().tracks, drums)), bars=1, length=2000)
    for piece in pieces:
        assert [track.is_drum for track in piece.tracks] == [False, True]
        assert notes_before(piece.tracks[1], 96) == [note[:3] for note in drums.notes]


def test_a_metre_is_that_of_the_first_bar_in_every_key(make_model):
    level = NoteLevel(12, habits=Habits(layouts=SOLO.habits.layouts, metres=[(4, 4), (6, 8)], keys={-1: 1, 2: 1}))
    for key, sharps in ((None, {-1, 2}), ("D", {2})):
        pieces, _ = write(make_model, level, bars=1, metre="6/8", key=key, num_samples=8)
        assert {piece.bars[0][:2] for piece in pieces} == {(6, 8)}
        assert {piece.bars[0].sharps for piece in pieces} == sharps
    with pytest.raises(UsageError, match="--metre must be one of the corpus's metres, 4/4, 6/8; got 3/4"):
        write(make_model, level, metre="3/4")
    with pytest.raises(UsageError, match="--metre 6/8 contradicts the prime, which begins in 4/4: omit --metre"):
        write(make_model, level, prime=melody(), metre="6/8")


def test_instruments_of_the_corpus_are_those_that_the_model_writes_for(make_model):
    """Its voices are those of the layout, so no second voice is written."""
    duet = tuple(
        TrackHeader(program, is_drum=False, num_voices=1, name=name) for program, name in ((40, "A"), (0, "B"))
    )
    level = NoteLevel(12, habits=Habits(layouts=[CHOIR, duet]))
    for names in (["violin", "acoustic grand piano"], ["acoustic grand piano", "violin"]):
        pieces, _ = write(make_model, level, instrument=tuple(names), bars=1)
        looks = {tuple((track.name, track.program) for track in piece.tracks) for piece in pieces}
        assert looks == {(("A", 40), ("B", 0))}
        start = common_start(level, None, SamplingConfig(instrument=tuple(names)), [])
        header = [t.FAMILY + 5, t.MEMBER, t.FAMILY, t.MEMBER, t.LENGTH]
        assert (dict(start.header), start.notices) == (dict(enumerate(header, t.NUM_KEY_AND_METRE)), ())


def test_other_instruments_replace_those_of_the_most_frequent_layout(make_model):
    drums = TrackHeader(0, is_drum=True, num_voices=1, name="Kit")
    level = NoteLevel(12, habits=Habits(layouts=[(drums, CHOIR[0], CHOIR[1]), CHOIR]))
    pieces, _ = write(make_model, level, instrument=("flute", "choir aahs"), bars=1)
    for piece in pieces:
        looks = [(track.name, track.program, track.is_drum) for track in piece.tracks]
        assert looks == [("Kit", 0, True), ("Flute", 73, False), ("Alto", 52, False)]
    (notice,) = common_start(level, None, SamplingConfig(instrument=("flute", "oboe")), []).notices
    assert notice.startswith("no layout of the corpus is for Flute, Oboe: the model writes for 2 x Choir Aahs")
    with pytest.raises(UsageError, match="once per part: pieces of the corpus have 2 parts or 4 parts, got Flute"):
        write(make_model, level, instrument=("flute",))


def test_instruments_replace_those_of_a_prime(make_model):
    prime = replace(melody(), tracks=(replace(melody().tracks[0], name="Voice", program=40),))
    (piece, *_), _ = write(make_model, prime=prime, instrument=("oboe", "oboe", "violin", "cello"), bars=1, length=2000)
    assert [(track.name, track.program) for track in piece.tracks] == [
        ("Oboe", 68),
        ("Oboe", 68),
        ("Violin", 40),
        ("Cello", 42),
    ]
    assert notes_before(piece.tracks[0], 96) == [note[:3] for note in prime.tracks[0].notes]
    with pytest.raises(UsageError, match="a piece with this prime has 1 part, got Oboe, Violin"):
        write(make_model, prime=prime, instrument=("oboe", "violin"))


def test_unseen_tokens_are_drawn_only_if_no_others_are_allowed(make_model):
    unseen = [t.PITCH + pitch for pitch in range(128) if pitch % 12]
    pieces, _ = write(make_model, SOLO, melody([(0, 12, 60)], num_bars=1), unseen=unseen, bars=4)
    assert {note.pitch % 12 for piece in pieces for note in piece.notes} == {0}
