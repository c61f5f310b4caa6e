"""Probabilities, surprisals and states from Python, against the model computed one token at a time."""

import json

import numpy as np
import pytest
import torch

import seqgen
from seqgen.api import Model
from seqgen.checkpoint import Checkpoint
from seqgen.config import CorpusConfig
from seqgen.levels import level_class
from seqgen.model.scan import step_by_step
from tests.conftest import resolved

TEXT = "up is a star\n\nhigh is  another one \n it's 小さな星,\n\n\nso far"
NETWORKS = [{}, {"num_layers": 2, "cell": "gru", "residual": True, "layer_norm": True}, {"cell": "peephole-lstm"}]


@pytest.fixture
def untrained(make_model):
    """Return a function that makes an untrained model."""

    def make(level_name="character", document="file", **options):
        config = CorpusConfig(level=level_name, document=document)
        level = level_class(level_name).fit([[TEXT * 9]], config)
        network = make_model(level.vocabulary_size, **options)
        config = resolved(network.config, config)
        return Model(Checkpoint(config, config, level, [], True, "0", {}, network.state_dict()), "cpu")

    return make


def step_by_step_probabilities(model, text):
    """Return the probabilities after the start token and each token, in float64, reading one token per call."""
    state, rows = model._model.initial_state(1), []
    ids = [model.checkpoint.level.START, *model.checkpoint.level.encode(text).tolist()]
    with torch.inference_mode():
        for token in ids:
            logits, state = model._model(torch.tensor([[token]]), state)
            rows.append(logits[0, 0].double().softmax(-1).numpy())
    return np.stack(rows)


@pytest.mark.parametrize("level", ["character", "word", "subword"])
@pytest.mark.parametrize("network", NETWORKS, ids=str)
@pytest.mark.parametrize("text", [TEXT, "so", ""])
def test_probabilities_are_those_of_the_model_step_by_step(untrained, level, network, text):
    model = untrained(level, **network)
    found = model.probabilities(text)
    ids = model.checkpoint.level.encode(text)
    np.testing.assert_allclose(found.values, step_by_step_probabilities(model, text), rtol=1e-4, atol=1e-7)
    assert found.values.shape == (len(ids) + 1, model.checkpoint.level.vocabulary_size)
    assert found.ids.tolist() == ids.tolist()
    assert "".join(found.tokens) == text
    assert found.tokens == [found.vocabulary[token] for token in found.ids] or not text.isascii()


@pytest.mark.parametrize("level", ["character", "word", "subword"])
def test_surprisal_is_the_logarithm_of_the_probability_of_each_token(untrained, level):
    model = untrained(level)
    probabilities, surprisal = model.probabilities(TEXT), model.surprisal(TEXT)
    expected = -np.log(probabilities.values[np.arange(len(probabilities.ids)), probabilities.ids])
    assert surprisal.tokens == probabilities.tokens
    np.testing.assert_allclose(surprisal.nats, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("document", ["file", "line", "paragraph"])
@pytest.mark.parametrize("is_ended", [False, True])
def test_surprisals_sum_to_the_score_of_the_text(untrained, document, is_ended):
    model = untrained("character", document)
    surprisal, score = model.surprisal(TEXT, is_ended=is_ended), model.score(TEXT, is_ended=is_ended)
    assert len(surprisal.tokens) == len(surprisal.nats) == score["tokens"]
    assert surprisal.nats.sum() == pytest.approx(score["nats_per_token"] * score["tokens"])
    assert (surprisal.tokens[-1] == "") == is_ended


def test_surprisals_are_those_that_evaluate_lists_per_token(trained, tmp_path):
    (tmp_path / "a.txt").write_text("How I wonder ü\n", encoding="utf-8")
    done = trained.cli("evaluate", "--corpus", str(tmp_path / "a.txt"), "--per-token")
    expected = [json.loads(line) for line in done.stdout.splitlines()]
    tokens, nats = seqgen.load(trained.files / "best.safetensors", "cpu").surprisal("How I wonder ü\n", is_ended=True)
    assert tokens == [line["text"] for line in expected]
    np.testing.assert_allclose(nats, [line["nats"] for line in expected], rtol=1e-6)


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_states_are_those_of_the_equations_of_the_cell(untrained, network):
    model = untrained("character", **network)
    text, network = "up is a star", model._model
    found = model.states(text)
    assert found.tokens == list(text)
    ids = torch.tensor([model.checkpoint.level.START, *model.checkpoint.level.encode(text).tolist()])
    inputs = network.embedding[ids][:, None]
    with torch.inference_mode():
        for index, (cell, layer) in enumerate(zip(network.stack.cells, found.layers, strict=True)):
            outputs, _ = step_by_step(cell, inputs, cell.initial_state(1), torch.float32)
            assert torch.allclose(torch.from_numpy(layer["hidden"]), outputs[:, 0], atol=1e-5)
            for length in (1, 5, len(ids)):
                _, last = step_by_step(cell, inputs[:length], cell.initial_state(1), torch.float32)
                assert layer.keys() >= last.tensors.keys()
                for name, tensor in last.tensors.items():
                    assert torch.allclose(torch.from_numpy(layer[name][length - 1]), tensor[0], atol=1e-5)
            inputs = network.stack.above(index, outputs, inputs, None)


def test_states_follow_from_the_gates(untrained):
    layer = untrained("character").states("up is a star").layers[0]
    before = np.concatenate([np.zeros((1, 16), dtype=np.float32), layer["cell"][:-1]])
    cell = layer["forget_gate"] * before + layer["input_gate"] * layer["candidate"]
    np.testing.assert_allclose(layer["cell"], cell, atol=1e-6)
    np.testing.assert_allclose(layer["hidden"], layer["output_gate"] * np.tanh(cell), atol=1e-6)


def test_a_model_of_pairs_predicts_from_what_a_text_is_given(tmp_path):
    rows = "".join(f"{'abcd'[i % 4] * (1 + i % 3)}\t{'wxyz'[i % 4] * (1 + i % 3)}\n" for i in range(60))
    (tmp_path / "pairs.tsv").write_text(rows)
    folders = {"checkpoints_dir": tmp_path / "checkpoints", "data_dir": tmp_path / "data"}
    small = {"steps": 3, "hidden_size": 16, "num_layers": 1, "given": "1", "field": "2", "device": "cpu"}
    for alignment in ("attention", "none"):
        model = seqgen.train(tmp_path / "pairs.tsv", alignment=alignment, quiet=True, **small, **folders)
        probabilities, surprisal = (read("xx", given="bb") for read in (model.probabilities, model.surprisal))
        ids = [*probabilities.ids, model.checkpoint.level.END]
        expected = -np.log(probabilities.values[np.arange(len(ids)), ids])
        np.testing.assert_allclose(surprisal.nats, expected, rtol=1e-4)
        assert model.surprisal("xx", given="c").nats[0] != surprisal.nats[0]
        assert len(model.states("xx", given="bb").layers[0]["hidden"]) == len(ids)
    with pytest.raises(seqgen.UsageError, match="name the other text with given$"):
        model.probabilities("xx")


def test_predictions_describe_themselves_in_one_line(untrained):
    model = untrained("character")
    assert repr(model.probabilities("up")) == f"Probabilities(tokens=2, vocabulary={len(model._texts.vocabulary)})"
    assert repr(model.surprisal("up")).startswith("Surprisal(tokens=2, nats=")
    assert repr(model.states("up")).startswith(
        "States(tokens=2, layers=['hidden (3, 16), cell (3, 16), input_gate (3, "
    )
