"""The attention of a conditional model as a picture and as JSON."""

import json

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from seqgen import pictures
from seqgen.encoders.image import ImageCoding
from seqgen.errors import UsageError
from seqgen.evaluation.attention_map import AttentionMap, GivenSignal
from seqgen.evaluation.attention_picture import draw
from seqgen.model.encoder import Given
from tests.test_sample_given import model, refusal, upper, written  # noqa: F401  # fixtures


def test_the_weights_are_those_with_which_the_text_is_written(model, monkeypatch):  # noqa: F811
    network, checkpoint = model._model, model.checkpoint
    found = AttentionMap.of(checkpoint, network, "bad")
    assert found.given == ["START", "b", "a", "d", "END"]
    assert found.text == ["B", "A", "D", "END"]
    assert [sum(row) for row in found.weights] == pytest.approx([1.0] * 4)
    level, given_coding = checkpoint.level, checkpoint.given_coding
    state, memory = network.encode(Given.of([[0, *given_coding.encode("bad").tolist(), 1]]))
    attend, seen = network.attention.forward, []
    monkeypatch.setattr(
        network.attention, "forward", lambda hidden, memory, dtype: seen.append(hidden) or attend(hidden, memory, dtype)
    )
    for token in [0, *level.encode("BAD").tolist()]:
        _, state = network(torch.tensor([[token]]), state, memory=memory)
    for hidden, row in zip(seen, found.weights, strict=True):
        scores = memory.vectors[0] @ (network.attention.query_weight @ hidden[0, 0])
        expected = torch.softmax(scores / memory.vectors.shape[-1] ** 0.5, 0)
        torch.testing.assert_close(torch.tensor(row), expected, rtol=1e-4, atol=1e-5)


def test_the_attention_of_a_text_that_the_model_would_not_write(model):  # noqa: F811
    found = AttentionMap.of(model.checkpoint, model._model, "bad", "DA")
    assert found.text == ["D", "A", "END"]


def test_the_command_writes_a_picture_and_json(upper):  # noqa: F811
    content = json.loads(written(upper("inspect", "--checkpoint", "upper", "--given", "bad", "--json")))
    assert content["text"] == ["B", "A", "D", "END"]
    assert len(content["weights"]) == 4
    assert (upper.folder / "attention.png").is_file()
    table = written(upper("inspect", "--checkpoint", "upper", "--given", "bad", "--output", "other.png"))
    assert "mostly attends to" in table
    assert imread(upper.folder / "other.png").std() > 0


def test_a_conditional_model_is_described_without_a_gradient_flow(upper):  # noqa: F811
    done = upper("inspect", "--checkpoint", "upper")
    assert "encoder" in written(done)
    assert "no gradient flow of upper: it writes from something given; --given shows its attention" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--checkpoint", "plain", "--given", "bad"], "this model has no attention"),
        (["--checkpoint", "upper", "--given", " "], "--given must not be empty"),
        (["--checkpoint", "upper", "--given", "bad", "--cell", "lstm"], "without --cell and --corpus"),
    ],
)
def test_what_has_no_attention_is_one_sentence(upper, arguments, message):  # noqa: F811
    assert message in refusal(upper("inspect", *arguments))


def test_a_model_without_attention_is_refused(model, make_model):  # noqa: F811
    plain = make_model(20, 20, encoder_layers=1, alignment="none")
    with pytest.raises(UsageError, match="this model has no attention"):
        AttentionMap.of(model.checkpoint, plain, "bad")


def test_a_picture_has_a_copy_for_each_of_the_first_tokens(tmp_path):
    coding = ImageCoding(64, is_line=False)
    signal = GivenSignal(coding, np.zeros((64, 192), dtype=np.uint8), 1)
    for number, num_rows in ((5, 1), (7, 2), (1000, 10)):
        weights = [[1 / 64] * 64] * number
        draw(AttentionMap([""] * 64, ["a"] * number, weights, [0] * number, signal), tmp_path / "a.png")
        height, width = imread(tmp_path / "a.png").shape[:2]
        assert height == pytest.approx(num_rows * 2.3 * 120, abs=5)
        assert width == min(number, 6) * 240


def test_labels_are_legible_in_any_script(tmp_path, monkeypatch):
    assert pictures.shown_in("ɑ̃ ع\n") == "ɑ̃␣ع↵"
    monkeypatch.setattr(pictures, "_fonts", list)
    assert pictures.shown_in("中") == "U+4E2D"
    monkeypatch.undo()
    labels = ["START", "你", "好", "ع", "ɑ̃", " ", "$", "_a"]
    draw(AttentionMap(labels, labels[1:], [[1 / 8] * 8] * 7, [0] * 7), tmp_path / "attention.png")
    assert imread(tmp_path / "attention.png").shape[0] > 200
