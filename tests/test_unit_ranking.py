"""Properties of texts and music, worked out by hand, and units that track them."""

import numpy as np
import pytest
import torch

from seqgen.config import CorpusConfig
from seqgen.evaluation.inspection import Reading
from seqgen.evaluation.music_properties import NO_TOKEN, ReadMusic
from seqgen.evaluation.text_properties import PROPERTIES, text_properties
from seqgen.evaluation.unit_ranking import correlations, ranking
from seqgen.levels.character import CharacterLevel
from seqgen.levels.note import NoteLevel
from seqgen.music.score import Bar, Note, Score, track_of
from tests.scores import melody


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("inside quotes", 'a "b" c', "0011000"),
        ("inside quotes", "“a” «b» „c“", "11001100110"),
        ("inside quotes", 'a "b\n\nc "d"', "00110000110"),  # an unpaired one ends with its paragraph
        ("inside quotes", "don't 'x'", "000000000"),  # single quotes are mostly apostrophes
        ("inside brackets", "a (b) c", "0011000"),
        ("inside brackets", "f(x[1], (y))", "011111111110"),
        ("inside brackets", ":( a\n\n(b)", "011100110"),
        ("inside brackets", "{a\n\nb}c", "1111100"),
        ("inside brackets", "a) (b]", "000111"),
        ("position in line", "ab\n c\n", "120120"),
        ("indentation", "  a b\n c", "12222011"),
        ("position in word", "ab, don't", "120012345"),
        ("word length", "ab, don't", "220055555"),
        ("capital letter", "aBÉ1", "0110"),
    ],
)
def test_properties_of_a_text(name, text, expected):
    assert "".join(f"{value:.0f}" for value in PROPERTIES[name](text)) == expected


def test_a_token_has_the_property_of_its_last_character():
    found = text_properties(["", "a (", "b", "", ") c"])
    assert found["inside brackets"].tolist() == [0, 1, 1, 1, 0]
    assert found["position in line"].tolist() == [0, 3, 4, 4, 7]


def test_correlations_are_those_of_numpy():
    random = np.random.default_rng(1)
    units, properties = random.normal(size=(50, 6)).astype(np.float32), random.normal(size=(50, 3))
    units[:, 2] = 0.1
    found = correlations(units, properties)
    for row in range(3):
        for unit in (0, 1, 3, 4, 5):
            assert found[row, unit] == pytest.approx(np.corrcoef(units[:, unit], properties[:, row])[0, 1], abs=1e-6)
    assert (found[:, 2] == 0).all()  # a constant unit tracks nothing


def test_units_are_ranked_by_absolute_correlation():
    place = np.arange(20.0)
    layers = [
        {"hidden": np.stack([place**3, np.sin(place)], 1)},
        {"hidden": -place[:, None], "cell": place[:, None] % 7},
    ]
    found = ranking(layers, {"place": place, "constant": np.ones(20)}, 2)
    assert list(found) == ["place"]
    assert [unit[:3] for unit in found["place"]] == [(1, "hidden", 0), (0, "hidden", 0)]
    assert found["place"][0].correlation == pytest.approx(-1)
    assert ranking(layers, {"constant": np.ones(20)}, 2) == {}


def test_a_planted_unit_is_first(make_model):
    """Brackets switch unit 5 of an LSTM: an opening one on, a closing one off; nothing else changes it."""
    text = "some (words in brackets) and (others), or (more) outside. " * 5
    level = CharacterLevel.fit([[text]], CorpusConfig())
    model = make_model(level.vocabulary_size, embedding_size=8, hidden_size=8)
    opening, closing = level.encode("()").tolist()
    (cell,) = model.stack.cells
    with torch.no_grad():
        model.embedding[:, :2] = 0
        model.embedding[opening, 0] = model.embedding[closing, 1] = 1
        for gate, (bias, on, off) in enumerate([(-20, 40, 40), (20, -40, -40), (0, 20, -20), (20, 0, 0)]):
            row = gate * 8 + 5
            cell.input_weight[row], cell.recurrent_weight[row], cell.bias[row] = 0, 0, bias
            cell.input_weight[row, :2] = torch.tensor([on, off], dtype=torch.float32)
    reading = Reading.of(model, level, np.array([level.START, *level.encode(text)]))
    layers = [{name: values[1:] for name, values in layer.items()} for layer in reading.layers]
    found = ranking(layers, text_properties(list(text)), 3)
    first, second, third = found["inside brackets"]
    assert {first[:3], second[:3]} == {(0, "cell", 5), (0, "hidden", 5)}
    assert min(first.correlation, second.correlation) > 0.99
    assert abs(third.correlation) < 0.95


def test_properties_of_music():
    level = NoteLevel(12)
    upper, lower = (
        [Note(0, 24, 72), Note(24, 24, 74), Note(48, 24, 76), Note(60 + 12, 24, 72)],
        [Note(0, 48, 60), Note(48, 48, 55)],
    )
    score = Score((Bar(),) * 2, (track_of(upper), track_of(lower)))
    ids = level.encode(score).tolist()
    found = ReadMusic(level, ids)
    names = level.spelled(ids)
    rows = [
        (name, *(found.properties[key][place] for key in ("bar", "beat", "position in bar", "voice")))
        for place, name in enumerate(names)
        if name.startswith("PITCH")
    ]
    assert rows == [
        ("PITCH 72", 1, 1, 0, 1),
        ("PITCH 60", 1, 1, 0, 2),
        ("PITCH 74", 1, 3, 2, 1),
        ("PITCH 76", 2, 1, 0, 1),
        ("PITCH 55", 2, 1, 0, 2),
        ("PITCH 72", 2, 3, 2, 1),
    ]
    assert found.properties["bar"][0] == found.properties["beat"][0] == 0


def test_notes_of_the_piano_roll_know_their_tokens():
    level = NoteLevel(12)
    ids = level.encode(melody()).tolist()
    notes = ReadMusic(level, ids).notes
    assert [note[1:4] for note in notes] == [tuple(note[:3]) for note in melody().tracks[0].notes]
    assert [level.spelled([ids[note.token]])[0] for note in notes] == [f"PITCH {note.pitch}" for note in notes]


def test_repeated_notes_have_no_token():
    level = NoteLevel(12)
    bar = [(0, 12, 60), (12, 12, 64), (24, 12, 67), (36, 12, 65)]
    score = melody([(48 * n + onset, *rest) for n in range(2) for onset, *rest in bar])
    notes = ReadMusic(level, level.encode(score).tolist()).notes
    assert [note.token == NO_TOKEN for note in notes] == [False] * 4 + [True] * 4
    assert [note.onset for note in notes] == [0, 12, 24, 36, 48, 60, 72, 84]
