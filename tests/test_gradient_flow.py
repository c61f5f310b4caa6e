"""Gradient flow, compared with finite differences and with a network whose gradients are known."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from seqgen import __version__, registry
from seqgen.config import InspectionConfig
from seqgen.corpus.dataset import Dataset
from seqgen.errors import CorpusError
from seqgen.evaluation.gradient_flow import GradientFlow, gradient_norms
from seqgen.levels.note import NoteLevel
from tests.scores import melody


@pytest.mark.parametrize(("name", "attention"), [*((name, 0) for name in registry.names("cells")), ("lstm", 3)])
def test_norms_agree_with_finite_differences(make_model, generator, name, attention):
    model = make_model(7, cell=name, num_layers=2, hidden_size=4, attention=attention)
    ids = torch.randint(7, (6, 1), generator=generator)
    norms = gradient_norms(model, ids[:-1], ids[-1])
    assert len(norms) == 5
    double = model.double()
    for steps_back in (1, 3, 5):
        with torch.no_grad():
            first, rest = ids[: 5 - steps_back], ids[5 - steps_back : -1]
            state = double.initial_state(1)
            if len(first):
                _, state = double(first, state, torch.float64)
            squares = 0.0
            for layer, parts in enumerate(state):
                for field, part in parts.tensors.items():
                    for unit in range(0 if field == "is_known" else part.numel()):
                        losses = []
                        for change in (-1e-4, 1e-4):
                            moved = part.clone()
                            moved.view(-1)[unit] += change
                            begin = [*state[:layer], replace(parts, **{field: moved}), *state[layer + 1 :]]
                            logits, _ = double(rest, begin, torch.float64)
                            losses.append(F.cross_entropy(logits[-1], ids[-1]).item())
                        squares += ((losses[1] - losses[0]) / 2e-4) ** 2
        assert norms[steps_back - 1] == pytest.approx(squares**0.5, rel=1e-5)


def test_an_lstm_with_open_forget_gates_preserves_gradients(make_model, generator):
    """With open forget gates and no other path, the gradient of the cell state is the same at every step."""
    model = make_model(7, hidden_size=4)
    (cell,) = model.stack.cells
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.zero_()
        cell.bias[4:8] = 60.0
    ids = torch.randint(7, (30, 3), generator=generator)
    norms = gradient_norms(model, ids[:-1], ids[-1])
    assert norms == pytest.approx([norms[0]] * 29, rel=1e-9)
    assert norms[0] > 0


def test_the_model_is_not_changed(make_model, generator):
    model = make_model(7)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    gradient_norms(model, torch.randint(7, (4, 2), generator=generator), torch.tensor([1, 2]))
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_gradients_of_a_run_are_computed_within_documents(make_dataset, make_model, monkeypatch):
    dataset = make_dataset("abcdefgh" * 5, "hgfedcba", "x")
    seen = []
    monkeypatch.setattr("seqgen.evaluation.gradient_flow.gradient_norms", lambda _, *ids: seen.append(ids) or [1.0])
    GradientFlow.of_run("run", make_model(300), dataset, 9)
    ((inputs, targets),) = seen
    ids = torch.cat([inputs, targets[None]])
    assert ids.shape == (10, 32)
    whole = dataset.ids[dataset.offsets[0] : dataset.offsets[1]]
    stretches = {tuple(whole[begin : begin + 10]) for begin in range(len(whole) - 9)}
    stretches |= {tuple(dataset.ids[dataset.offsets[1] : dataset.offsets[2]])}
    assert {tuple(column) for column in ids.T.tolist()} <= stretches
    with pytest.raises(CorpusError, match="--length must be at most 41, the length of the longest document, got 50"):
        GradientFlow.of_run("run", make_model(300), dataset, 50)


def test_gradients_of_a_model_of_music_are_computed_with_factors(make_model):
    level = NoteLevel(12)
    ids = np.concatenate([[level.START], level.encode(melody(num_bars=4)), [level.END]])
    dataset = Dataset(ids, np.array([0, len(ids)]), np.array([]), {}).with_factors(level)
    model = make_model(level.vocabulary_size, num_factors=level.num_factors)
    assert len(GradientFlow.of_run("run", model, dataset, 9).norms) == 9


def test_parameters_of_all_parts_add_up(make_model):
    model = make_model(11, num_layers=2, layer_norm=True)
    parts = model.parameters_by_layer
    assert list(parts) == ["embedding", "layer 1 (lstm)", "layer 2 (lstm)", "layer norms", "output"]
    assert parts["layer 1 (lstm)"] == 4 * 16 * (8 + 16 + 1)
    assert parts["output"] == 11 * 17
    assert sum(parts.values()) == model.num_parameters


def test_an_untrained_network_has_the_given_sizes():
    flow = GradientFlow.untrained("gru", InspectionConfig(num_layers=2, hidden_size=8, length=12))
    assert len(flow.norms) == 12
    assert flow.parameters["layer 2 (gru)"] == 3 * 8 * (8 + 8 + 1) + 8


def test_inspect_lists_runs_and_compares_networks(trained, tmp_path):
    listed = trained.cli("inspect", "--json")
    (run,) = map(json.loads, listed.stdout.splitlines())
    assert (run["name"], run["level"], run["cell"], run["size"]) == ("rhyme", "character", "lstm", "1x48")
    assert run["best_valid_nats"] > 0
    table = trained.cli("inspect").stdout.splitlines()
    assert table[0].split() == ["run", "level", "cell", "size", "nats", "per", "token", "steps", "age"]
    assert table[1].split()[:4] == ["rhyme", "character", "lstm", "1x48"]
    picture = tmp_path / "flow.png"
    shown = trained.cli("inspect", "--checkpoint", "rhyme", "--cell", "rnn", "--length", "20", "--output", str(picture))
    assert shown.returncode == 0, shown.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    rows = shown.stdout[shown.stdout.index("steps back") :].splitlines()
    assert [row.split()[0] for row in rows if row[:1].isdigit()] == ["1", "2", "5", "10", "20"]


def test_a_checkpoint_without_its_corpus_is_described(trained, quick_cli, tmp_path):
    shutil.copy(trained.files / "best.safetensors", tmp_path / "friend.safetensors")
    done = quick_cli("inspect", "--checkpoint", "friend.safetensors")
    assert done.returncode == 0
    rows = dict(re.split(r"  +", line.strip(), maxsplit=1) for line in done.stdout.splitlines() if "  " in line.strip())
    assert rows["cell"] == "lstm 1x48"
    assert rows["corpus"] == "rhyme.txt"
    assert rows["written by"] == f"seqgen {__version__}"
    assert rows["training"].startswith("60 steps in ")
    assert " nats per token, at step " in rows["best validation loss"]
    assert "no gradient flow of friend: the corpus of this run, rhyme.txt, no longer exists" in done.stderr
    assert not list(tmp_path.glob("*.png"))
    content = json.loads(quick_cli("inspect", "--checkpoint", "friend.safetensors", "--json").stdout)
    listed = json.loads(trained.cli("inspect", "--json").stdout)
    for name in ("level", "vocabulary_size", "cell", "size", "best_valid_nats", "best_step", "step", "version"):
        assert content[name] == listed[name]
    assert content["gradient_norms"] == []
    with_data = quick_cli("inspect", "--checkpoint", "friend.safetensors", "--length", "5", "--json", "--quiet",
                          "--data-dir", str(trained.folder / "data"))  # fmt: skip
    assert len(json.loads(with_data.stdout)["gradient_norms"]) == 5
    assert with_data.stderr == ""


def test_inspect_reports_damaged_runs_and_lists_the_others(quick_cli, tmp_path):
    run = tmp_path / "checkpoints" / "torn"
    run.mkdir(parents=True)
    (run / "best.safetensors").write_bytes(b"no")
    done = quick_cli("inspect")
    assert done.returncode == 0
    assert "torn" in done.stderr
    assert "damaged" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--cell", "quantum"), "--cell must be one of"),
        (("--checkpoint", "nobody"), "there is no checkpoint 'nobody'"),
        (("--cell", "rnn", "--length", "0"), "--length must be at least 1"),
        (("--cell", "rnn", "--corpus", "poems.txt"), "--corpus needs --checkpoint"),
    ],
)
def test_inspect_rejects_invalid_options_with_one_line(quick_cli, arguments, sentence):
    done = quick_cli("inspect", *arguments)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
