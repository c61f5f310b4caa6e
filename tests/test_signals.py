"""Texts that are given signals: corpora, batches, training, sampling and evaluation."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
import soundfile
from PIL import Image

from seqgen.checkpoint import Checkpoint
from seqgen.config import (
    BudgetConfig,
    CorpusConfig,
    FoldersConfig,
    MachineConfig,
    ModelOptions,
    OptimizationOptions,
    TrainOptions,
)
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.corpus.signals import signal_in
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.encoders.strokes import StrokesCoding
from seqgen.errors import CorpusError
from seqgen.evaluation.attention_map import AttentionMap
from seqgen.evaluation.attention_picture import draw
from seqgen.sampling.transcriber import Transcriber
from seqgen.training.session import Session
from tests.pairs import split_corpus, write_table
from tests.test_pairs_corpus import ThreadCrew

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
    assert len(skipped) == 4, skipped
    assert any("1 drawing without a movement" in note for note in skipped)
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
    assert any("1 file without an image" in note for note in split_corpus(tmp_path, given=".png").summary)
    plain = split_corpus(tmp_path)
    message = "beside the texts are files with the suffix .png: --given .png writes the texts from them"
    assert any(message in note for note in plain.summary)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [("a.wav", "x"), ("b.wav", "y"), ("c.wav", "z")],
            "there is no file 'a.wav' below .*, to which the",
        ),
        ([("a.png", "x"), ("b.inkml", "y")], "it names files of several kinds: image, strokes"),
    ],
)
def test_columns_of_paths_that_cannot_be_followed_are_refused(rows, message, tmp_path):
    for name in ("a.png", "b.inkml"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(CorpusError, match=message):
        split_corpus(write_table(tmp_path / "t.tsv", rows), given="1", field="2")


def test_validation_texts_are_given_the_same_kind_of_thing(tmp_path):
    one = write_json(tmp_path / "a.jsonl", WORDS)
    other = tmp_path / "b.jsonl"
    other.write_text('{"strokes": "abc", "text": "d"}\n{"strokes": "abd", "text": "e"}\n', encoding="utf-8")
    with pytest.raises(CorpusError, match="of --corpus are given strokes, those of --valid text"):
        split_corpus(one, given="strokes", field="text", valid=str(other))


def test_a_crew_of_two_writes_the_same_vectors(tmp_path):
    for place in range(4):
        write_json(tmp_path / f"{place}.jsonl", WORDS[place::4])
    corpus = split_corpus(tmp_path / "*.jsonl", given="strokes", field="text")
    PreparedCorpus.prepare(corpus, tmp_path / "alone")
    shared = {"barrier": threading.Barrier(2, timeout=60)}
    crews = [ThreadCrew(rank, shared) for rank in range(2)]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda crew: PreparedCorpus.prepare(corpus, tmp_path / "both", crew), crews))
    one, other = (tmp_path / name / "prepared" / corpus.fingerprint for name in ("alone", "both"))
    assert {path.name for path in one.iterdir()} == {path.name for path in other.iterdir()}
    assert all(path.read_bytes() == (other / path.name).read_bytes() for path in one.iterdir())


@pytest.mark.parametrize(("size", "level"), [((90, 30), "character"), ((30, 30), "subword")])
def test_sentences_are_read_by_characters_from_lines_and_by_subwords_from_pictures(size, level, tmp_path):
    rows = ["image\ttext\n"]
    for number in range(8):
        Image.new("L", size, 20 * number).save(tmp_path / f"{number}.png")
        rows += [f"{number}.png\tit is line number {300 * number + i} of this text\n" for i in range(300)]
    (tmp_path / "a.tsv").write_text("".join(rows), encoding="utf-8")
    corpus = split_corpus(tmp_path / "a.tsv", given="image", field="text")
    assert corpus.config.level == level


def line_image(text, folder, name):
    """Write an image of bars, a width for each letter."""
    image = Image.new("L", (14 * len(text) + 6, 24), 255)
    for place, letter in enumerate(text):
        width = 2 + 4 * "ab".index(letter)
        image.paste(0, (6 + 14 * place, 4, 6 + 14 * place + width, 20))
    image.save(folder / name)


def tone_file(text, folder, name):
    """Write a tone per letter, with silence between them."""
    parts = []
    for letter in text:
        frequency = 400 if letter == "a" else 1600
        parts += [np.sin(2 * np.pi * frequency * np.arange(960) / 8000), np.zeros(480)]
    soundfile.write(folder / name, np.concatenate(parts), 8000)


def picture(text, folder, name):
    """Write a square picture whose colours depend on the letters."""
    image = Image.new("RGB", (32, 32), "white")
    for place, letter in enumerate(text):
        image.paste("red" if letter == "a" else "blue", (8 * place, 4, 8 * place + 6, 28))
    image.save(folder / name)


@pytest.mark.parametrize(
    ("write", "suffix", "alignment", "second"),
    [
        (line_image, ".png", "ctc", "column 5"),
        (tone_file, ".wav", "ctc", "0.04 s"),
        (picture, ".png", "attention", "row 1, column 2"),
    ],
)
def test_images_and_recordings_are_learned(write, suffix, alignment, second, tmp_path):
    texts = ["".join(letters) for size in (2, 3, 4) for letters in product("ab", repeat=size)]
    for number, text in enumerate(texts):
        write(text, tmp_path, f"{number}{suffix}")
        (tmp_path / f"{number}.txt").write_text(text, encoding="utf-8")
    requested = TrainOptions(
        corpus=CorpusConfig(corpus=(str(tmp_path),), given=suffix, valid=str(tmp_path)),
        model=ModelOptions(hidden_size=32, dropout=0.0),
        optimization=OptimizationOptions(batch_size=8, learning_rate=0.005),
        budget=BudgetConfig(steps=150),
        machine=MachineConfig(device="cpu", precision="float32"),
    )
    folders = FoldersConfig(checkpoints_dir=str(tmp_path / "runs"), data_dir=str(tmp_path / "data"))
    trainer = Session(folders, lambda *_, **__: None).start(requested, None)
    for _ in trainer.train(lambda: False):
        pass
    assert trainer.config.model.alignment == alignment
    assert trainer.figures.best_valid_errors < 0.1
    checkpoint = Checkpoint.read(trainer.run.best)
    writer = Transcriber.of(checkpoint, checkpoint.model())
    files = [tmp_path / f"{number}{suffix}" for number in range(len(texts))]
    written = [best[0].text for best in writer.best([signal_in(path, "") for path in files])]
    assert sum(a == b for a, b in zip(written, texts, strict=True)) > 0.7 * len(texts)
    attention = AttentionMap.of(checkpoint, checkpoint.model(), signal_in(files[-1], ""))
    assert attention.given[1] == second
    assert attention.to_json()["places"] == attention.places
    assert len(attention.places) == len(attention.text)
    draw(attention, tmp_path / "attention.png")
    with Image.open(tmp_path / "attention.png") as drawn:
        assert len(drawn.getcolors(1 << 20)) > 50
