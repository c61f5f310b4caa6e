"""Results on a GPU, compared with those on the CPU; skipped without a GPU."""

import sys

import pytest
import torch

from seqgen.checkpoint import Checkpoint
from seqgen.config import SamplingConfig
from seqgen.evaluation.likelihood import score
from seqgen.levels.base import PADDING
from seqgen.model.encoder import Given
from seqgen.model.hardware import resolve_device, resolve_precision
from seqgen.model.scan import scan, step_by_step
from seqgen.sampling.constraint import Never
from seqgen.sampling.generator import decode, prefill, uniform_numbers
from seqgen.training.batch import Batch
from seqgen.training.report import Notice
from seqgen.training.session import Session
from tests import processes
from tests.conftest import RHYME
from tests.test_cells import NAMES, every_variant, make, random_state, run
from tests.test_training import assert_bit_for_bit, tensors, train

GPU = "cuda"
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is here")
every_cell = pytest.mark.parametrize("cell", NAMES)


@pytest.fixture(autouse=True)
def chosen():
    resolve_device(GPU)


@pytest.fixture
def begin(start):
    """Start a run of two layers on the GPU."""

    def begin(name, device=GPU, *, model=None, optimization=None, precision="float32", steps=30):
        sizes = {"num_layers": 2, "hidden_size": 64, "embedding_size": 32, "dropout": 0.2, "recurrent_dropout": 0.2}
        options = {"learning_rate": 0.005, "batch_size": 8, "sequence_length": 32}
        return start(
            name, RHYME * 40, device=device, precision=precision, steps=steps,
            model=sizes | (model or {}), optimization=options | (optimization or {}),
        )  # fmt: skip

    return begin


def results(path, cell, inputs, state, dtype):
    """Return the results of `run` on the CPU."""
    return [result.detach().cpu() for result in run(path, cell, inputs, state, dtype)]


def moved(tensor):
    return tensor.detach().to(GPU).requires_grad_()


@pytest.mark.parametrize("sizes", [(5, 7), (16, 48)])
@pytest.mark.parametrize(("time", "batch"), [(1, 1), (9, 3)])
@every_variant
def test_every_cell_equals_its_equations(name, projection, time, batch, sizes, generator):
    cell = make(name, generator, projection=projection, sizes=sizes)
    inputs = torch.randn(time, batch, sizes[0], generator=generator, requires_grad=True)
    state = random_state(cell, batch, generator)
    expected = results(step_by_step, cell, inputs, state, torch.float32)
    cell.to(GPU)
    there = state.map(moved)
    found = results(scan, cell, moved(inputs), there, torch.float32)
    rounded = results(scan, cell, moved(inputs), there, torch.bfloat16)
    for value, coarse, reference in zip(found, rounded, expected, strict=True):
        scale = max(1.0, reference.abs().max().item())
        torch.testing.assert_close(value, reference, rtol=1e-4, atol=3e-5 * scale)
        assert (coarse - reference).abs().max().item() < 0.05 * scale


@every_cell
def test_training_equals_that_on_the_cpu(begin, cell):
    certain = {"cell": cell, "dropout": 0.0, "recurrent_dropout": 0.0}  # masks differ between devices
    trainers = [begin(f"on-{device}", device, model=certain) for device in ("cpu", GPU)]
    for trainer in trainers:
        train(trainer)
    here, there = (trainer.figures.best_valid_nats for trainer in trainers)
    assert there == pytest.approx(here, abs=2e-3)


@pytest.mark.parametrize("precision", ["float32", "auto"])
@every_cell
def test_a_resumed_run_is_bit_for_bit_identical_on_the_gpu(begin, folders, cell, precision):
    options = {"model": {"cell": cell}, "precision": precision}
    whole, again, stopped = (begin(name, **options) for name in ("whole", "again", "stopped"))
    train(whole)
    train(again)
    train(stopped, stop_at=11)
    resumed = Session(folders, print).resume("stopped")
    train(resumed)
    for trainer in (again, resumed):
        assert_bit_for_bit(whole, trainer)


def test_streams_that_exceed_the_gpu_memory_are_read_in_parts_with_the_same_result(begin):
    sizes = {"model": {"hidden_size": 512}, "optimization": {"batch_size": 64, "sequence_length": 128}, "steps": 4}
    whole, divided = (begin(name, **sizes) for name in ("whole", "divided"))
    train(whole)
    torch.cuda.empty_cache()
    allowed = torch.cuda.memory_reserved() + 150e6
    torch.cuda.set_per_process_memory_fraction(allowed / torch.cuda.mem_get_info()[1])
    try:
        notices = [each.text for each in train(divided) if isinstance(each, Notice)]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert any("with the same result" in notice for notice in notices)
    theirs = tensors(divided)
    for name, tensor in tensors(whole).items():
        torch.testing.assert_close(tensor, theirs[name], atol=2e-3, rtol=1e-2)


def test_a_network_that_exceeds_the_gpu_memory_is_a_one_line_error(tmp_path):
    (tmp_path / "corpus.txt").write_text(RHYME * 40, encoding="utf-8")
    command = [sys.executable, "-m", "seqgen", "train", "--corpus", "corpus.txt", "--steps", "2", "--device", GPU]
    done = processes.run([*command, "--hidden-size", "200000"], cwd=tmp_path)
    assert done.returncode == 1
    assert "GB are available: lower --hidden-size (200,000)" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("alignment", ["attention", "none"])
@every_cell
def test_a_conditional_model_has_the_loss_and_the_gradients_of_the_cpu(make_model, generator, cell, alignment):
    model = make_model(100, 40, cell=cell, num_layers=2, encoder_layers=2, alignment=alignment, layer_norm=True)
    model.train()  # cuDNN has no gradients otherwise
    texts = [torch.randint(2, 40, (length,), generator=generator).tolist() for length in (9, 3, 1, 6)]
    inputs, targets = (torch.randint(2, 100, (7, 4), generator=generator) for _ in range(2))
    targets[4:, 1] = PADDING
    found = []
    for device, dtype in (("cpu", torch.float32), (GPU, torch.float32), (GPU, torch.bfloat16)):
        model.to(device).zero_grad()
        fresh, given = torch.ones(4, dtype=torch.bool), Given.of(texts)
        batch = Batch(inputs, targets, fresh, is_whole=True, given=given).to(device)
        loss, _ = batch.loss(model, model.initial_state(4), dtype, smoothing=0.1)
        loss.backward()
        gradients = {name: part.grad.clone().cpu() for name, part in model.named_parameters() if part.grad is not None}
        found.append((loss.item(), gradients))
    (loss, expected), (same, gradients), (rounded, _) = found
    assert same == pytest.approx(loss, abs=1e-5)
    assert rounded == pytest.approx(loss, abs=0.05)
    for name, gradient in expected.items():
        scale = max(1e-3, gradient.abs().max().item())
        torch.testing.assert_close(gradients[name], gradient, rtol=1e-3, atol=1e-3 * scale, msg=name)


@every_cell
def test_scores_and_samples_equal_those_of_the_cpu(make_dataset, make_model, cell):
    dataset = make_dataset(RHYME * 14, "short", RHYME)
    model = make_model(100, cell=cell, num_layers=2)
    expected = score(model, dataset, num_streams=4).nats_per_token
    draws = {}
    for device in ("cpu", GPU):
        model.to(device)
        for num_streams, length in ((1, 200), (64, 64)):
            assert score(model, dataset, num_streams, length).nats_per_token == pytest.approx(expected, abs=1e-5)
        never = Never(100, [])
        reading = prefill(model, [1, 2, 3]).repeat(2)
        stream = decode(model, reading, uniform_numbers([5, 6]), SamplingConfig(), never)
        draws[device] = [next(stream) for _ in range(30)]
    for mine, theirs in zip(draws["cpu"], draws[GPU], strict=True):
        assert mine.ids.tolist() == theirs.ids.tolist()
        torch.testing.assert_close(mine.nats, theirs.nats, atol=1e-4, rtol=1e-4)


def test_bfloat16_is_chosen_if_the_gpu_supports_it():
    expected = "bfloat16" if torch.cuda.get_device_capability() >= (8, 0) else "float32"
    assert resolve_precision("auto", GPU) == expected


def test_a_process_of_torchrun_trains_on_the_gpu(tmp_path):
    (tmp_path / "corpus.txt").write_text(RHYME * 40, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "1", "-m", "seqgen", "train"]
    options = ["--corpus", "corpus.txt", "--steps", "5", "--hidden-size", "32", "--device", GPU, "--name", "r"]
    done = processes.run([*command, *options], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    checkpoint = Checkpoint.read(tmp_path / "checkpoints" / "r" / "last.safetensors")
    assert checkpoint.figures["step"] == 5
    assert checkpoint.config.machine.device == GPU
