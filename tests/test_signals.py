"""Texts that are given signals: corpora, batches, training, sampling and evaluation."""

import json

import numpy as np
import pytest
from PIL import Image

from seqgen.config import CorpusConfig
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.encoders.strokes import StrokesCoding
from seqgen.errors import CorpusError
from tests.pairs import split_corpus, write_table

SHAPES = {  # letters in strokes
    "L": [[[0, 10], [0, 0], [6, 0]]],
    "V": [[[0, 10], [3, 0], [6, 10]]],
    "T": [[[0, 10], [6, 10]], [[3, 10], [3, 0]]],
    "I": [[[0, 10], [0, 0]]],
}


def strokes_of(word):
    return [[[x + 8 * place, y] for x, y in stroke] for place, letter in enumerate(word) for stroke in SHAPES[letter]]


def write_json(path, words, **more):
    lines = [json.dumps({"strokes": strokes_of(word), "text": word} | more) for word in words]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


WORDS = [a + b + c for a in "LVTI" for b in "LVTI" for c in "LVTI"]


def test_lists_of_points_are_read_as_strokes_and_stored_as_vectors(tmp_path):
    path = write_json(tmp_path / "a.jsonl", WORDS)
    corpus = split_corpus(path, given="strokes", field="text")
    assert corpus.config.given_level == "strokes"
    prepared = PreparedCorpus.prepare(corpus, tmp_path)
    coding, parts = prepared.given_coding, (prepared.train, prepared.valid)
    assert isinstance(coding, StrokesCoding)
    found = {}
    for part in parts:
        for place in range(part.num_documents):
            found[prepared.level.decode(part.document(place))] = part.given.document(place).tolist()
    assert found == {word: coding.rows(json.dumps(strokes_of(word)).encode()).tolist() for word in WORDS}
    values, lengths = prepared.train.given.padded(np.array([3, 0]))
    assert values.shape == (lengths.max(), 2, 3)
    assert values[: lengths[1], 1].tolist() == prepared.train.given.document(0).tolist()
    assert not values[lengths[1] :, 1].any()
    again = PreparedCorpus.open(tmp_path / "prepared" / corpus.fingerprint)
    assert again.given_coding.to_json() == coding.to_json()


def test_a_column_of_paths_is_read_from_the_folder_of_the_table(tmp_path):
    for number, word in enumerate(WORDS[:20]):
        traces = "".join(f"<trace>{','.join(f'{x} {y}' for x, y in stroke)}</trace>" for stroke in strokes_of(word))
        (tmp_path / f"{number}.inkml").write_text(f"<ink>{traces}</ink>", encoding="utf-8")
    path = write_table(tmp_path / "table.tsv", [(f"{number}.inkml", word) for number, word in enumerate(WORDS[:20])])
    corpus = split_corpus(path, given="1", field="2")
    assert corpus.config.given_level == "strokes"
    assert corpus.corpus.statistics.num_documents == 20
    beside = tmp_path / "beside"
    beside.mkdir()
    for number, word in enumerate(WORDS[:20]):
        (tmp_path / f"{number}.inkml").rename(beside / f"{number}.inkml")
        (beside / f"{number}.txt").write_text(word + "\n", encoding="utf-8")
    other = split_corpus(beside, given=".inkml")
    assert other.config.given_level == "strokes"
    assert sorted(d.text for d in other.corpus) == sorted(d.text for d in (split_corpus(beside, given=".inkml").corpus))


def test_what_cannot_be_read_is_skipped_with_its_reason(tmp_path):
    path = write_json(tmp_path / "a.jsonl", WORDS[:20])
    with path.open("a", encoding="utf-8") as file:
        for strokes in ([], [[[1, 1]]], [[[1, 2], ["x", 3]]], "no list", 5):
            file.write(json.dumps({"strokes": strokes, "text": "L"}) + "\n")
    corpus = split_corpus(path, given="strokes", field="text")
    assert corpus.corpus.statistics.num_documents == 20
    skipped = [note for note in corpus.summary if note.startswith("skipped")]
    assert len(skipped) == 4
    assert any("1 strokes without a movement" in note or "strokes without a movement" in note for note in skipped)
    assert any("row 23 (line 23): it is not a list of strokes" in note for note in skipped)


def test_paths_outside_the_folder_of_the_table_are_not_followed(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    for name in ("a.inkml", "b.inkml", "e.inkml", "../c.inkml"):
        (inside / name).write_text(f"<ink><trace>0 0, {ord(name[0])} 5</trace></ink>", encoding="utf-8")
    rows = [("a.inkml", "x"), ("b.inkml", "y"), ("e.inkml", "v"), ("../c.inkml", "z"), ("d.inkml", "w")]
    corpus = split_corpus(write_table(inside / "t.tsv", rows), given="1", field="2", valid_fraction=0.5)
    assert sorted(document.text for document in corpus.corpus) == ["v", "x", "y"]
    assert any("there is no file '../c.inkml' below the folder of the table" in note for note in corpus.summary)


def test_all_texts_are_given_the_same_kind_of_thing(tmp_path):
    one = write_json(tmp_path / "a.jsonl", WORDS)
    other = tmp_path / "b.jsonl"
    other.write_text('{"strokes": "abc", "text": "d"}\n{"strokes": "abd", "text": "e"}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match="all texts must be given the same kind of thing, got strokes in .*, text in"):
        split_corpus(one, other, given="strokes", field="text")
    config = CorpusConfig(corpus=(str(one),), given="strokes", field="text", given_level="word")
    with pytest.raises(CorpusError, match="--given-level word does not suit what is given, which is strokes: omit it"):
        SplitCorpus.read(config)
    config = CorpusConfig(corpus=(str(other),), given="strokes", field="text", given_level="strokes")
    with pytest.raises(CorpusError, match="--given-level strokes does not suit what is given, which is text: omit it"):
        SplitCorpus.read(config)


def test_files_of_lines_may_have_two_suffixes_and_their_images_are_noted(tmp_path):
    for number in range(12):
        image = Image.new("L", (60 + number, 20), 255)
        image.paste(0, (5 + number, 3, 30, 15))
        image.save(tmp_path / f"{number}.png")
        (tmp_path / f"{number}.gt.txt").write_text(f"line {number}\n", encoding="utf-8")
    corpus = split_corpus(tmp_path, given=".png")
    assert corpus.config.given_level == "image"
    assert sorted(document.text for document in corpus.corpus) == sorted(f"line {number}" for number in range(12))
    (tmp_path / "3.png").write_bytes(b"not an image")
    assert any("1 file that is not an image" in note for note in split_corpus(tmp_path, given=".png").summary)
    plain = split_corpus(tmp_path)
    message = "beside the texts are files with the suffix .png: --given .png writes the texts from them"
    assert any(message in note for note in plain.summary)
