"""Search for copies, compared with brute force."""

import json
import weakref

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seqgen.evaluation import copying, windows
from seqgen.evaluation.copying import Library, Match, Work, works_of
from seqgen.music.score import Bar, Note, Score, track_of

# Few symbols, so that long runs come by chance; of the samples', training lacks "x".
training_texts = st.lists(st.text("ab", max_size=25), max_size=5)
sample_texts = st.lists(st.text("abx", max_size=25), max_size=4)


def works(texts):
    return [Work(str(place), text) for place, text in enumerate(texts)]


def windows_of(texts, length):
    """Return the content and the place of each window of the texts."""
    return [
        (text[begin : begin + length], str(place), begin)
        for place, text in enumerate(texts)
        for begin in range(len(text) - length + 1)
    ]


def longest_by_hand(samples, training):
    for length in range(max(map(len, samples), default=0), 0, -1):
        searched = windows_of(samples, length)
        for symbols, *source in windows_of(training, length):
            for other, *sample in searched:
                if symbols == other:
                    return Match(length, *sample, *source)
    return None


@example(samples=["a--b"], training=["a++b"], n=4, block=100)  # equal ends, different middles
@given(samples=sample_texts, training=training_texts, n=st.integers(1, 9), block=st.integers(1, 40))
def test_runs_and_n_grams_agree_with_brute_force(samples, training, n, block):
    with pytest.MonkeyPatch.context() as patch:
        for module in (copying, windows):
            patch.setattr(module, "BLOCK", block)
        found = Library(works(training)).search(works(samples), n)
    assert found.longest == longest_by_hand(samples, training)
    known = {symbols for symbols, *_ in windows_of(training, n)}
    grams = [symbols in known for symbols, *_ in windows_of(samples, n)]
    assert found.share_found == (sum(grams) / len(grams) if grams else None)
    assert found.num_symbols == sum(map(len, samples))


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 100])
def test_a_run_of_any_length_is_found(length):
    training = [chr(symbol) for symbol in range(100, 120)] + ["-" * 7 + "".join(map(chr, range(500, 600))) + "-"]
    sample = "ab" + "".join(map(chr, range(520 - min(length, 20), 520 - min(length, 20) + length))) + "ab"
    found = Library(works(training)).search([Work("song", sample)], n=3)
    assert found.longest == Match(length, "song", 2, "20", 27 - min(length, 20))


def test_runs_do_not_cross_works():
    found = Library([Work("one", "abc"), Work("two", "def")]).search([Work("sample", "abcdef")], n=4)
    assert found.longest == Match(3, "sample", 0, "one", 0)
    assert found.share_found == 0
    assert Library([Work("all", "abcdef")]).search([Work("one", "abc"), Work("two", "def")]).longest.length == 3


def test_symbols_may_have_any_type():
    library = Library([Work("train", [(1, 0.5), None, "word", 7])])
    assert library.search([Work("sample", (8, None, "word", 9))]).longest == Match(2, "sample", 1, "train", 1)


class Symbols(list):
    """A list that supports weak references."""


def test_symbols_of_training_works_are_released():
    watched = []

    def read():
        for place in range(3):
            symbols = Symbols("abc" * place)
            watched.append(weakref.ref(symbols))
            yield Work(str(place), symbols)

    library = Library(read())
    assert [symbols() for symbols in watched] == [None] * 3
    assert library.search([Work("sample", "bcab")]).longest == Match(4, "sample", 0, "2", 1)


def test_samples_are_compared_with_held_out_works():
    library = Library([Work("train", "the cat sat on the mat")])
    found = library.compare([Work("sample", "the cat sat up")], [Work("held out", "the dog sat")], n=4)
    assert found.samples == library.search([Work("sample", "the cat sat up")], 4)
    assert found.held_out == library.search([Work("held out", "the dog sat")], 4)
    content = json.loads(json.dumps(found.to_json()))
    assert content["samples"]["longest"] == {
        "length": 12, "sample": "sample", "sample_place": 0, "source": "train", "source_place": 0
    }  # fmt: skip
    assert content["held_out"]["share_found"] == 2 / 8  # "the ", " sat"
    assert library.search([], 4).to_json() == {"num_symbols": 0, "n": 4, "longest": None, "share_found": None}


def tune(*pitches, pickup=0):
    """Return a tune in 4/4 with quarter notes, every other one half as long."""
    first = 48 - pickup if pickup else 0
    notes = [Note(first + 12 * place, 12 - 6 * (place % 2), pitch) for place, pitch in enumerate(pitches)]
    num_bars = -(-(first + 12 * len(pitches)) // 48)
    return Score((Bar(),) * num_bars, (track_of(notes), track_of([Note(0, 6, 40)], is_drum=True)), pickup=pickup)


MELODY = (60, 62, 64, 65, 67, 69, 71, 72, 60, 61, 60, 61, 66, 60, 66, 60)


def test_music_is_found_in_another_key_with_its_bar():
    library = Library([*works_of("other.mid", tune(60, 60, 60)), *works_of("bach.mid", tune(*MELODY))])
    sample = tune(*(pitch + 5 for pitch in MELODY[4:12]))  # from the second bar
    found = library.search(works_of("sample", sample), 4)
    assert found.longest == Match(7, "sample", 1, "bach.mid", 2)
    assert found.share_found == 1
    # With a pickup of one quarter, bar 0, the fifth note is in bar 1.
    library = Library(works_of("pickup.mid", tune(*MELODY, pickup=12)))
    assert library.search(works_of("sample", sample), 4).longest == Match(7, "sample", 1, "pickup.mid", 1)


def test_music_with_other_durations_does_not_match():
    library = Library(works_of("bach.mid", tune(*MELODY)))
    assert library.search(works_of("sample", tune(*MELODY[5:13])), 4).longest.length < 3
