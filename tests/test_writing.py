"""What a conditional model writes, as `seqgen evaluate` reports it."""

import json

import numpy as np
import pytest

from seqgen.corpus.documents import Pair
from seqgen.corpus.split import TRAIN, VALID
from seqgen.evaluation import listing, writing
from seqgen.evaluation.held_out import HeldOut
from seqgen.evaluation.writing import report_on_writing
from tests.pairs import ROWS, write_table
from tests.test_pairs_runs import run_on


def report(monkeypatch, checkpoint, held_out, answers):
    """Return the report on a model that gives these answers."""
    monkeypatch.setattr(writing, "write", lambda _, __, givens, *___: [answers[given] for given in givens])
    return report_on_writing(checkpoint, None, held_out)


@pytest.fixture
def run(folders, tmp_path):
    return run_on(folders, write_table(tmp_path / "train.tsv", ROWS), given="1", field="2")


def test_each_given_is_written_once_and_may_have_several_texts(run, folders, tmp_path, monkeypatch):
    path = write_table(tmp_path / "test.tsv", [("one", "eins"), ("two", "zwei"), ("one", "ein"), ("two", "zwo")])
    held_out = HeldOut(run[0], str(path), folders)
    found = report(monkeypatch, run[0], held_out, {"one": "ein", "two": "zwoo"})
    assert found.model.num_givens == 2
    assert found.model.exact.value == 0.5
    assert found.model.character_error_rate.value == pytest.approx(1 / (len("ein") + len("zwo")))


def test_the_baselines_and_the_share_of_known_givens_are_those_of_the_training_set(run, folders, tmp_path, monkeypatch):
    checkpoint, corpus = run
    (given, text), (other, _) = [(d.given.text, d.text) for part, d in corpus.documents() if part == TRAIN][:2]
    new = [(given, text), (other, other)]
    held_out = HeldOut(checkpoint, str(write_table(tmp_path / "test.tsv", new)), folders)
    found = report(monkeypatch, checkpoint, held_out, dict(new))
    assert found.share_in_training == 1.0
    assert found.baselines["nearest"].exact.value == 0.5
    assert found.baselines["copied"].exact.value == 0.5
    assert "100.0% of the givens occur in the training set" in found.notes[-1]
    assert set(json.loads(json.dumps(found.to_json()))) >= {"givens", "exact", "nearest", "copied", "share_in_training"}


def test_without_the_training_set_only_the_model_is_measured(run, folders, tmp_path, monkeypatch):
    checkpoint, corpus = run
    pairs = [(d.given.text, d.text) for part, d in corpus.documents() if part == VALID]
    path = write_table(tmp_path / "test.tsv", pairs)
    (tmp_path / "train.tsv").unlink()
    held_out = HeldOut(checkpoint, str(path), folders)
    monkeypatch.setattr(type(held_out.run), "missing", "it is missing")
    found = report(monkeypatch, checkpoint, held_out, dict(pairs))
    assert found.model.exact.value == 1.0
    assert found.baselines == {}
    assert found.share_in_training is None


def test_pairs_of_documents_are_their_givens_and_texts():
    assert list(writing.pairs_of(iter([Pair("name", "Haus", "house")]))) == [("house", "Haus")]


def test_of_many_givens_some_that_are_evenly_spaced_are_written(run, folders, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "MAX_GIVENS", 3)
    pairs = [(f"given {i}", "text") for i in range(10)]
    held_out = HeldOut(run[0], str(write_table(tmp_path / "test.tsv", pairs)), folders)
    found = report(monkeypatch, run[0], held_out, dict(pairs))
    assert (found.model.num_givens, found.num_givens) == (3, 10)
    assert "wrote 3 of 10 givens, evenly spaced" in found.notes


def test_each_document_is_compared_with_all_texts_of_its_given(run, folders, tmp_path, monkeypatch):
    path = write_table(tmp_path / "test.tsv", [("one", "eins"), ("one", "ein"), ("two", "zwei")])
    held_out = HeldOut(run[0], str(path), folders)
    monkeypatch.setattr(
        listing, "write", lambda _, __, givens, *___: ["ein" if given == "one" else "" for given in givens]
    )
    monkeypatch.setattr(listing, "surprisals", lambda _, dataset, progress: np.zeros(len(dataset.ids)))
    lines = list(listing.by_document(None, run[0], held_out))
    assert [(line["given"], line["text"], line["written"], line["is_exact"]) for line in lines] == [
        ("one", "eins", "ein", True), ("one", "ein", "ein", True), ("two", "zwei", "", False),
    ]  # fmt: skip
