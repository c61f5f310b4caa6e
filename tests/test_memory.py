"""The estimate of memory, compared with what is allocated."""

import pytest
import torch

from seqgen.config import MachineConfig, ModelConfig
from seqgen.encoders.text import Embedding
from seqgen.errors import TrainingError
from seqgen.model import compiled_scan, memory
from seqgen.model.encoder import Given
from seqgen.model.language_model import LanguageModel

MACHINE = MachineConfig(device="cpu", precision="float32")


@pytest.fixture
def by_library(monkeypatch):
    """Use oneDNN's LSTM, all of whose saved tensors are visible."""
    monkeypatch.setattr(compiled_scan, "HAS_COMPILER", False)


@pytest.mark.parametrize("options", [{}, {"num_layers": 3}, {"cell": "gru"}, {"projection_size": 16}, {"cell": "rnn"}])
def test_the_estimate_is_a_lower_bound_of_the_tensors_saved_for_the_backward_pass(options, by_library):
    config = ModelConfig(**{"num_layers": 1, "hidden_size": 64, "embedding_size": 32, "dropout": 0.0} | options)
    model = LanguageModel(config, 50)
    model.initialise(torch.Generator().manual_seed(1), torch.ones(50))
    saved_bytes = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: saved_bytes.append(tensor.nbytes) or tensor, lambda t: t
    ):
        ids = torch.randint(50, (32, 16))
        logits, _ = model(ids, model.initial_state(16))
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten())
    weights = sum(parameter.nbytes for parameter in model.parameters())
    activations = memory.training_bytes(config, 16 * 32, MACHINE, 50) - 5 * weights
    assert activations > 0
    if config.cell == "lstm" and config.projection_size is None:
        assert activations <= 2 * sum(saved_bytes)


@pytest.mark.parametrize(("cell", "num_gates"), [("lstm", 4), ("gru", 3), ("rnn", 1)])
@pytest.mark.parametrize(("precision", "size"), [("float32", 4), ("bfloat16", 2)])
def test_a_layer_needs_memory_for_gates_and_output_of_each_token(cell, num_gates, precision, size):
    machine = MachineConfig(device="cpu", precision=precision)

    def activations(num_layers):
        config = ModelConfig(cell=cell, num_layers=num_layers, hidden_size=64, embedding_size=64, dropout=0.0)
        return memory.training_bytes(config, 10, machine, 50) - memory.training_bytes(config, 0, machine, 50)

    gates, output, state = 64 * num_gates * size, 64 * size, 64 * 4  # in bytes per token; the state is in float32
    assert activations(3) - activations(2) == 10 * (gates + output + state)


@pytest.mark.parametrize(("given_length", "length"), [(40, 3), (20, 20), (2, 40)])
@pytest.mark.parametrize("options", [{}, {"encoder_layers": 3}, {"num_layers": 16}])
def test_the_estimate_of_a_conditional_model_is_a_lower_bound(options, given_length, length, by_library):
    sizes = {"num_layers": 2, "hidden_size": 64, "embedding_size": 32, "encoder_layers": 1}
    config = ModelConfig(**sizes | options)
    model = LanguageModel(config, 50, Embedding(50, 32))
    model.initialise(torch.Generator().manual_seed(1), torch.ones(50))
    saved_bytes = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: saved_bytes.append(tensor.nbytes) or tensor, lambda t: t
    ):
        given, ids = torch.randint(50, (given_length, 16)), torch.randint(50, (length, 16))
        state, memory_ = model.encode(Given(given, torch.full((16,), given_length)))
        logits, _ = model(ids, state, memory=memory_)
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids.flatten())
    estimate = memory.training_bytes(config, 16 * (given_length + length), MACHINE, 50)
    activations = estimate - memory.training_bytes(config, 0, MACHINE, 50)
    assert sum(saved_bytes) / 30 < activations <= sum(saved_bytes)


def test_pairs_that_cannot_fit_are_rejected_with_options_of_pairs():
    config = ModelConfig(num_layers=1, hidden_size=10**6, embedding_size=64, encoder_layers=1)
    with pytest.raises(TrainingError, match=r"lower --hidden-size .*--batch-size \(here 16\), or --max-length"):
        memory.check_memory(config, 16, 32, MACHINE, 100)
    with pytest.raises(TrainingError, match="--max-length or --hidden-size"), memory.shortage_reported(config, 16, 32):
        raise MemoryError


def test_sizes_that_cannot_fit_are_rejected_before_allocation():
    config = ModelConfig(num_layers=1, hidden_size=10**6, embedding_size=64, dropout=0.0)
    with pytest.raises(TrainingError, match=r"at least 80,0\d\d\.\d GB.*lower --hidden-size \(1,000,000\)"):
        memory.check_memory(config, 16, 32, MACHINE, 100)


def test_a_batch_that_a_gpu_can_read_in_parts_is_accepted(monkeypatch):
    config = ModelConfig(num_layers=1, hidden_size=64, embedding_size=64, dropout=0.0)
    one_stream = memory.training_bytes(config, 128, MACHINE, 100)
    monkeypatch.setattr(memory, "total_memory", lambda _: one_stream)
    gpu = MachineConfig(device="cuda", precision="float32")
    memory.check_memory(config, 10**6, 128, gpu, 100)
    memory.check_memory(config, 1, 128, MACHINE, 100)
    with pytest.raises(TrainingError, match=r"--batch-size \(here 2\), or --sequence-length \(128\)"):
        memory.check_memory(config, 2, 128, MACHINE, 100)
    with pytest.raises(TrainingError, match=r"--num-layers \(1\), or --sequence-length \(129\)"):
        memory.check_memory(config, 10**6, 129, gpu, 100)


def test_memory_limits_of_control_groups_are_respected(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    limit.write_text("1000000\n", encoding="ascii")
    monkeypatch.setattr(memory, "_CGROUP_LIMITS", (str(limit), str(tmp_path / "missing")))
    assert memory.total_memory("cpu") == 1_000_000
    limit.write_text("max\n", encoding="ascii")
    assert memory.total_memory("cpu") > 1_000_000
