"""Runs on pairs: what is evaluated, what a checkpoint keeps, and what a run may begin from."""

from dataclasses import replace
from itertools import chain

import pytest

from seqgen.checkpoint import Checkpoint
from seqgen.config import CorpusConfig, ModelConfig, TrainOptions
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.corpus.split import VALID
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.errors import CheckpointError, CorpusError, UsageError
from seqgen.evaluation.held_out import HeldOut
from seqgen.evaluation.run_corpus import RunCorpus
from seqgen.training.distributed import ALONE
from seqgen.training.preparation import prepare
from tests.conftest import resolved
from tests.pairs import ROWS, decoded, write_table


def run_on(folders, path, **options):
    """Return a checkpoint of a run on pairs, and its corpus."""
    config = CorpusConfig(corpus=(str(path),), **options)
    corpus = SplitCorpus.read(config)
    prepared = PreparedCorpus.prepare(corpus, folders.parsed.parent)
    encoder_layers = 0 if config.given is None else 1
    model = ModelConfig(num_layers=1, hidden_size=4, embedding_size=3, encoder_layers=encoder_layers)
    checkpoint = Checkpoint(TrainOptions(corpus=config), resolved(model, config), prepared.level, [], True,
                            corpus.fingerprint, {}, {}, given_coding=prepared.given_coding)  # fmt: skip
    return checkpoint, corpus


def held_out_pairs(held_out):
    """Return the pairs as documents, and as they are encoded."""
    documents = [("".join(d.given.chunks()), "".join(d.chunks())) for d in held_out.documents()]
    with held_out.encoded() as dataset:
        ids = list(zip(decoded(dataset.given, held_out._given_coding), decoded(dataset, held_out._level), strict=True))
    return documents, ids


@pytest.mark.parametrize("is_deleted", [False, True])
def test_the_validation_set_of_a_run_has_its_givens_also_from_the_prepared_copy(folders, tmp_path, is_deleted):
    path = write_table(tmp_path / "train.tsv", ROWS)
    checkpoint, corpus = run_on(folders, path, given="1", field="2")
    expected = [(d.given.text, d.text) for part, d in corpus.documents() if part == VALID]
    if is_deleted:
        path.unlink()
    assert held_out_pairs(HeldOut(checkpoint, None, folders)) == (expected, expected)


def test_a_prepared_copy_with_another_vocabulary_is_not_used(folders, tmp_path):
    path = write_table(tmp_path / "train.tsv", ROWS)
    checkpoint, _ = run_on(folders, path, given="1", field="2")
    path.unlink()
    assert RunCorpus(checkpoint, folders).missing is None
    assert RunCorpus(replace(checkpoint, given_coding=checkpoint.level), folders).missing


def test_a_corpus_to_evaluate_on_is_read_as_in_the_run_or_as_given(folders, tmp_path):
    path = write_table(tmp_path / "train.tsv", ROWS)
    checkpoint, _ = run_on(folders, path, given="1", field="2")
    rows = [("new symbols: Ω", "w o r d"), ("x", "y")]
    table = write_table(tmp_path / "test.tsv", rows)
    assert held_out_pairs(HeldOut(checkpoint, str(table), folders)) == (rows, rows)
    table = write_table(tmp_path / "test.csv", [("b", "a"), *[row[::-1] for row in rows]], ",")
    reading = {"given": "a", "field": "b"}
    assert held_out_pairs(HeldOut(checkpoint, str(table), folders, reading)) == (rows, rows)


def test_parallel_files_are_evaluated_with_the_file_beside_them(folders, tmp_path):
    for name in ("train", "test"):
        (tmp_path / f"{name}.en").write_text("".join(f"{name} {a}\n" for a, _ in ROWS))
        (tmp_path / f"{name}.de").write_text("".join(f"{name} {b}\n" for _, b in ROWS))
    checkpoint, _ = run_on(folders, tmp_path / "train.de", given=str(tmp_path / "train.en"))
    expected = [(f"test {a}", f"test {b}") for a, b in ROWS]
    assert held_out_pairs(HeldOut(checkpoint, str(tmp_path / "test.de"), folders)) == (expected, expected)


def test_a_given_that_does_not_fit_the_model_is_refused(folders, tmp_path):
    path = write_table(tmp_path / "train.tsv", ROWS)
    (tmp_path / "plain.txt").write_text("a text")
    conditional, _ = run_on(folders, path, given="1", field="2")
    with pytest.raises(CorpusError, match=r"plain\.txt is not a table .* with a column '1', and there is no file"):
        HeldOut(conditional, str(tmp_path / "plain.txt"), folders)
    plain, _ = run_on(folders, path, field="2")
    with pytest.raises(UsageError) as raised:
        HeldOut(plain, str(path), folders, {"given": "1"})
    assert str(raised.value) == "this model was trained without --given: omit --given"


def test_a_checkpoint_keeps_the_level_of_the_given_and_is_checked(folders, tmp_path):
    path = write_table(tmp_path / "train.tsv", ROWS)
    conditional, _ = run_on(folders, path, given="1", field="2", given_level="word")
    conditional.write(tmp_path / "a.safetensors")
    assert Checkpoint.read(tmp_path / "a.safetensors").given_coding.to_json() == conditional.given_coding.to_json()
    plain, _ = run_on(folders, path, field="2")
    plain.write(tmp_path / "b.safetensors")
    assert Checkpoint.read(tmp_path / "b.safetensors").given_coding is None
    assert b"given_coding" not in (tmp_path / "b.safetensors").read_bytes()
    without_encoder = replace(conditional.config, model=replace(conditional.config.model, encoder_layers=0))
    changed = {"given_coding": None}, {"given_coding": plain.level}, {"config": without_encoder}
    damaged = [*(replace(conditional, **changes) for changes in changed), replace(plain, given_coding=plain.level)]
    for checkpoint in damaged:
        checkpoint.write(tmp_path / "c.safetensors")
        with pytest.raises(CheckpointError, match="is not a valid checkpoint .*(do not belong|not of --given-level)"):
            Checkpoint.read(tmp_path / "c.safetensors")


@pytest.mark.parametrize(
    ("parent_options", "options", "message"),
    [
        ({}, {"given": "1"}, "--from names a run without --given: omit --given, or train a new model without --from"),
        ({"given": "1"}, {}, "--from names a run with --given: name what the texts are given with --given"),
        ({"given": "1"}, {"given": "1", "given_level": "word"}, "--from uses --given-level character: omit "
         "--given-level word"),
    ],
)  # fmt: skip
def test_a_run_begins_from_one_that_is_given_the_same(folders, tmp_path, parent_options, options, message):
    path = write_table(tmp_path / "train.tsv", ROWS)
    parent, _ = run_on(folders, path, field="2", **parent_options)
    config = CorpusConfig(corpus=(str(path),), field="2", **options)
    with pytest.raises(UsageError) as raised:
        prepare(config, parent, folders, print, ALONE)
    assert str(raised.value) == message


def test_a_run_that_begins_from_another_keeps_both_vocabularies_and_extends_that_of_the_text(folders, tmp_path):
    path = write_table(tmp_path / "train.tsv", ROWS)
    parent, _ = run_on(folders, path, field="2", given="1", given_level="word")
    other = write_table(tmp_path / "other.tsv", [(f"Ω{a}", f"Ω{b}") for a, b in ROWS])
    notes = []
    config = CorpusConfig(corpus=(str(other),), field="2", given="1")
    prepared = prepare(config, parent, folders, lambda text, **_: notes.append(text), ALONE)
    assert prepared.given_coding.to_json() == parent.given_coding.to_json()
    assert prepared.level.alphabet == parent.level.alphabet + "Ω"
    expected = {(f"Ω{a}", f"Ω{b}") for a, b in ROWS}
    parts = (prepared.train, prepared.valid)
    pairs_of = [
        zip(decoded(part.given, parent.given_coding), decoded(part, prepared.level), strict=True) for part in parts
    ]
    assert set(chain(*pairs_of)) == expected
    assert "added 1 character of this corpus to the vocabulary of --from: 'Ω'" in notes
    size = sum(len(given) + 1 for given, _ in ROWS)
    note = (
        "--from keeps a vocabulary of what is given that lacks 1 character of this corpus (60 occurrences, "
        f"{60 / size:.2%} of what is given), each of which takes several tokens: 'Ω'"
    )
    assert note in notes
