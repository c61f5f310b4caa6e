"""The checkpoint file: round trips, and rejection of invalid files."""

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from seqgen.checkpoint import FORMAT, Checkpoint
from seqgen.config import ModelConfig, TrainOptions
from seqgen.errors import CheckpointError, SeqgenError
from seqgen.levels import level_from_json
from seqgen.levels.character import CharacterLevel
from seqgen.levels.note import NoteLevel
from seqgen.levels.note.encoder import TrackHeader
from seqgen.levels.note.habits import Habits
from seqgen.runs import find
from tests.conftest import resolved


@pytest.fixture
def checkpoint(make_model):
    level = CharacterLevel("abc")
    config = resolved(ModelConfig(num_layers=1, hidden_size=4, embedding_size=3))
    model = make_model(level.vocabulary_size, hidden_size=4, embedding_size=3)
    return Checkpoint(
        requested=TrainOptions(),
        config=config,
        level=level,
        unseen=[0, 1],
        knows_beginnings=False,
        fingerprint="0123",
        figures={"step": 3, "best_valid_nats": 1.5},
        weights=model.state_dict(),
        training={"hidden.0.cell": torch.ones(2, 4), "optimizer.embedding.step": torch.tensor(3.0)},
    )


def test_a_checkpoint_round_trips(checkpoint, tmp_path):
    checkpoint.write(tmp_path / "a.safetensors")
    again = Checkpoint.read(tmp_path / "a.safetensors")
    for field in ("requested", "config", "unseen", "knows_beginnings", "fingerprint", "figures"):
        assert getattr(again, field) == getattr(checkpoint, field)
    assert again.level.to_json() == checkpoint.level.to_json()
    for field in ("weights", "training"):
        torch.testing.assert_close(dict(getattr(again, field)), dict(getattr(checkpoint, field)), atol=0, rtol=0)
    assert again.model().num_parameters == checkpoint.model().num_parameters


def test_the_file_has_one_metadata_key_for_the_safetensors_library(checkpoint, tmp_path):
    path = tmp_path / "a.safetensors"
    checkpoint.write(path)
    assert set(load_file(path)) == {f"model.{name}" for name in checkpoint.weights} | {
        "training.hidden.0.cell",
        "training.optimizer.embedding.step",
    }
    header = json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])
    assert list(header["__metadata__"]) == ["seqgen"]


def test_a_file_truncated_anywhere_is_rejected_with_a_replacement(checkpoint, tmp_path):
    path = tmp_path / "last.safetensors"
    checkpoint.write(path)
    content = path.read_bytes()
    checkpoint.write(tmp_path / "previous.safetensors")
    for length in range(len(content)):
        with pytest.raises(CheckpointError, match=r"last\.safetensors .*to replace it, copy .*previous\.safetensors"):
            Checkpoint.of(content[:length], path)


def test_a_newer_format_is_rejected_with_its_version(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("seqgen.checkpoint.FORMAT", FORMAT + 1)
    checkpoint.write(tmp_path / "a.safetensors")
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=f"a.safetensors has format version {FORMAT + 1}.*reads version {FORMAT}"):
        Checkpoint.read(tmp_path / "a.safetensors")


@pytest.mark.parametrize("bit", range(8))
def test_a_file_with_any_bit_flipped_is_rejected_with_a_replacement(checkpoint, tmp_path, bit):
    path = tmp_path / "last.safetensors"
    checkpoint.write(path)
    content = bytearray(path.read_bytes())
    checkpoint.write(tmp_path / "previous.safetensors")
    for place in range(bit, len(content), 8):  # one bit of every byte
        content[place] ^= 1 << bit
        with pytest.raises(CheckpointError, match=r"last\.safetensors .*to replace it, copy .*previous\.safetensors"):
            Checkpoint.of(bytes(content), path)
        content[place] ^= 1 << bit
    assert Checkpoint.of(bytes(content), path).figures == checkpoint.figures


def test_weights_that_do_not_fit_are_rejected_before_memory_is_allocated(checkpoint):
    huge = dataclasses.replace(checkpoint.config.model, hidden_size=10**7)
    hostile = dataclasses.replace(checkpoint, config=dataclasses.replace(checkpoint.config, model=huge))
    with pytest.raises(CheckpointError, match="do not fit its configuration"):
        hostile.model()


def test_other_safetensors_files_are_rejected(tmp_path):
    save_file({"x": torch.ones(2)}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="is a safetensors file, but not a checkpoint of seqgen"):
        Checkpoint.read(tmp_path / "a.safetensors")


def test_missing_files_and_text_files_are_rejected(tmp_path):
    with pytest.raises(CheckpointError, match="there is no file"):
        Checkpoint.read(tmp_path / "a.safetensors")
    (tmp_path / "a.txt").write_text("not a checkpoint at all")
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        Checkpoint.read(tmp_path / "a.txt")


@pytest.mark.parametrize("unseen", [[7, 10**9], [-1], "a", None])
def test_invalid_unseen_tokens_are_rejected(checkpoint, tmp_path, unseen):
    dataclasses.replace(checkpoint, unseen=unseen).write(tmp_path / "a")
    with pytest.raises(CheckpointError, match="is not a valid checkpoint for seqgen"):
        Checkpoint.read(tmp_path / "a")


@pytest.mark.parametrize(
    "changed",
    [
        {"tempo": 0},
        {"grid": 10**9},
        {"metres": [[4, 0]]},
        {"metres": [[4.0, 4]]},
        {"metres": []},
        {"keys": ["C"]},
        {"keys": [[9, 1]]},
        {"num_bars": 0},
        {"ranges": [[0, 1, 1, 70, 60]]},
        {"layouts": [[[200, False, 1, ""]]]},
    ],
)
def test_invalid_levels_of_music_are_rejected(changed):
    content = NoteLevel(12, habits=Habits(keys={0: 1}, layouts=((TrackHeader(0, False, 1, "Piano"),),))).to_json()
    assert level_from_json(content).to_json() == content
    with pytest.raises((ValueError, SeqgenError)):
        level_from_json(content | changed)


def test_a_level_of_music_of_an_earlier_version_is_rejected_with_the_remedy():
    content = NoteLevel(12).to_json()
    for version in ({}, {"tokens": content.pop("tokens") - 1}):
        with pytest.raises(ValueError, match="in the tokens of another version of seqgen: train it again"):
            level_from_json(content | version)


@pytest.mark.parametrize(
    "content",
    [
        {"level": "character", "alphabet": "ab", "ngram": "2}(a+)+b{1"},
        {"level": "character", "alphabet": "aba"},
        {"level": "character", "alphabet": "a\ud800"},
        {"level": "character", "alphabet": "ab", "ngram": 2, "groups": ["ab", ""]},
        {"level": "word", "alphabet": "ab", "words": ["ab", 3], "is_tokenised": False, "is_indented": False},
        {"level": "subword", "model": ""},
        {"level": "subword", "model": "YWJj"},
    ],
)
def test_invalid_levels_of_text_are_rejected(content, checkpoint, monkeypatch, tmp_path):
    monkeypatch.setattr(CharacterLevel, "to_json", lambda self: content)
    checkpoint.write(tmp_path / "a")
    with pytest.raises(CheckpointError, match="is not a valid checkpoint for seqgen"):
        Checkpoint.read(tmp_path / "a")


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda weights: weights.pop("embedding"), "embedding is missing"),
        (lambda weights: weights.update(other=torch.ones(1)), "other is unexpected"),
        (
            lambda weights: weights.update(embedding=torch.ones(7, 3)),
            "embedding has the shape 7 x 3 instead of 21 x 3",
        ),
        (lambda weights: weights.clear() or weights.update(a=torch.ones(1)), "embedding is missing, and 6 more differ"),
    ],
)
def test_weights_that_do_not_fit_are_rejected_with_one_sentence(change, difference, checkpoint):
    weights = dict(checkpoint.weights)
    change(weights)
    with pytest.raises(CheckpointError) as refused:
        dataclasses.replace(checkpoint, weights=weights).model()
    assert str(refused.value) == (
        f"the checkpoint's weights do not fit its configuration: {difference}; train the model again"
    )


def test_the_message_of_an_error_has_one_line():
    assert str(SeqgenError("it is damaged (Error:\n\tsize  mismatch\n)")) == "it is damaged (Error: size  mismatch )"


def test_the_old_file_remains_if_the_new_one_cannot_be_written(checkpoint, tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    checkpoint.write(path)
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CheckpointError, match="could not be written: No space left on device"):
        checkpoint.write(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_checkpoints_are_found_by_name_file_and_age(checkpoint, tmp_path):
    with pytest.raises(CheckpointError, match="no trained model .*seqgen train --corpus"):
        find(None, tmp_path / "checkpoints")
    for run in ("old", "new"):
        (tmp_path / "checkpoints" / run).mkdir(parents=True)
        checkpoint.write(tmp_path / "checkpoints" / run / "last.safetensors")
    best = tmp_path / "checkpoints" / "new" / "best.safetensors"
    checkpoint.write(best)
    assert find(None, tmp_path / "checkpoints") == best
    assert find("new", tmp_path / "checkpoints") == best
    assert find(str(best), tmp_path / "elsewhere") == best
    assert find(str(best.parent), tmp_path / "elsewhere") == best
    assert find("old", tmp_path / "checkpoints").name == "last.safetensors"
    with pytest.raises(CheckpointError, match="no checkpoint 'other'.*new, old"):
        find("other", tmp_path / "checkpoints")
