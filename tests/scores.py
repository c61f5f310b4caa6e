"""Random pieces of music for the tests."""

import random

from hypothesis import strategies as st

from seqgen.music.score import Bar, Note, Score, track_of

MELODY = [(0, 12, 60), (12, 12, 64), (24, 24, 67), (48, 6, 65), (54, 6, 64), (66, 30, 60)]


def melody(notes=MELODY, num_bars=2, **options) -> Score:
    """Return a score of one track from onsets, durations and pitches."""
    return Score((Bar(),) * num_bars, (track_of([Note(*note) for note in notes]),), **options)


def random_melody(seed: int) -> Score:
    """Return 24 random quarter notes within two and a half octaves, different for every seed."""
    pitches = random.Random(seed).choices(range(48, 80), k=24)
    return melody([(12 * place, 12, pitch) for place, pitch in enumerate(pitches)], num_bars=6)


@st.composite
def bars(draw, grid: int) -> tuple[Bar, ...]:
    metres = st.builds(Bar, st.integers(1, 12), st.sampled_from([2, 4, 8, 16]), st.integers(-7, 7))
    fitting = metres.filter(lambda bar: 4 * grid * bar.numerator % bar.denominator == 0)
    return tuple(draw(st.lists(fitting, min_size=1, max_size=4)))


@st.composite
def scores(draw, grid: int = 12, max_tracks: int = 4) -> Score:
    """Draw a score with at least one note, and tracks of any number of voices, including drums."""
    found = draw(bars(grid))
    length = sum(bar.num_steps(grid) for bar in found)
    first = found[0].num_steps(grid)
    pickup = draw(st.integers(0, first - 1)) if len(found) > 1 else 0
    start = first - pickup if pickup else 0
    onsets = st.integers(start, length - 1)
    notes = st.builds(Note, onsets, st.integers(1, 100), st.integers(0, 127), st.integers(1, 127))
    tracks = []
    for _ in range(draw(st.integers(1, max_tracks))):
        drawn = draw(st.lists(notes, min_size=1, max_size=32 // max_tracks))  # of 32 voices at most
        inside = [note._replace(duration=min(note.duration, length - note.onset)) for note in drawn]
        is_drum = draw(st.booleans())
        tracks.append(track_of(inside, program=0 if is_drum else draw(st.integers(0, 127)), is_drum=is_drum))
    return Score(found, tuple(tracks), pickup, grid=grid)


@st.composite
def forms(draw, max_tracks: int = 3) -> Score:
    """Draw a score of a few different bars with many repetitions, ties across bar lines and changes of key."""
    num_tracks = draw(st.integers(1, max_tracks))
    onsets, durations = st.sampled_from([0, 0, 12, 18]), st.sampled_from([6, 24, 48, 60])
    notes = st.builds(Note, onsets, durations, st.integers(60, 64), st.just(90))
    bar = st.lists(st.lists(notes, min_size=1, max_size=3), min_size=num_tracks, max_size=num_tracks)
    kinds = draw(st.lists(bar, min_size=1, max_size=3))
    order = draw(st.lists(st.integers(0, len(kinds) - 1), min_size=2, max_size=12))
    sharps = draw(st.sampled_from([[0], [0], [0, 0, 1]]))
    found = tuple(Bar(4, 4, sharps[min(place // 4, len(sharps) - 1)]) for place in range(len(order)))
    end = 48 * len(order)
    by_track = [
        [
            note._replace(onset=48 * place + note.onset, duration=min(note.duration, end - 48 * place - note.onset))
            for place, kind in enumerate(order)
            for note in kinds[kind][number]
        ]
        for number in range(num_tracks)
    ]
    return Score(found, tuple(track_of(own) for own in by_track))
