"""Training from Python: like the command, in the main thread and in others, with a display in notebooks."""

import json
import signal
import sys
import threading
from types import ModuleType

import pytest
import torch
from rich.text import Text

import seqgen
from seqgen.checkpoint import Checkpoint
from seqgen.cli import panel
from seqgen.cli.notebook import NotebookView
from seqgen.training.loop import Trainer
from tests.conftest import RHYME

# Those of the run `rhyme` of the command line.
OPTIONS = {"steps": 60, "hidden_size": 48, "batch_size": 8, "sequence_length": 32, "learning_rate": 0.01}


@pytest.fixture
def train(tmp_path):
    """Return a function that trains in a folder of its own."""
    (tmp_path / "rhyme.txt").write_text(RHYME * 30, encoding="utf-8")
    folders = {"checkpoints_dir": tmp_path / "checkpoints", "data_dir": tmp_path / "data"}

    def run(corpus=tmp_path / "rhyme.txt", **options):
        return seqgen.train(corpus, **folders, **options)

    return run


def test_training_gives_the_losses_and_weights_of_the_command_line(trained, train):
    model = train(**OPTIONS, quiet=True)
    expected = Checkpoint.read(trained.files / "best.safetensors")
    lines = [json.loads(line) for line in (trained.files / "metrics.jsonl").read_text().splitlines()]
    losses = [(line["step"], line["valid_nats"]) for line in lines if line["valid_nats"] is not None]
    assert [(line["step"], line["valid_nats"]) for line in model.metrics if line["valid_nats"] is not None] == losses
    assert model.figures["best_valid_nats"] == expected.figures["best_valid_nats"]
    assert all(torch.equal(model.checkpoint.weights[name], tensor) for name, tensor in expected.weights.items())


def test_the_model_knows_its_run_and_describes_itself_in_one_line(train, tmp_path):
    model = train(name="a", steps=3, hidden_size=16, num_layers=1, quiet=True)
    assert model.folder == tmp_path / "checkpoints" / "a"
    assert model.figures["step"] == 3
    assert [line["step"] for line in model.metrics][-1] == 3
    loss = round(model.figures["best_valid_nats"], 4)
    size, count = model.checkpoint.level.vocabulary_size, model._model.num_parameters
    assert repr(model) == (
        f"Model(run='a', level='character', vocabulary={size}, cells='lstm 1x16', parameters={count}, "
        f"best_valid_nats={loss}, device='{model._model.device}')"
    )
    assert len(repr(model.checkpoint)) < 10_000


def test_progress_is_shown_in_terms_of_python_unless_it_is_quiet(train, capsys):
    train(**(OPTIONS | {"steps": 4}))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "step 4" in shown.err
    assert "best validation loss" in shown.err
    assert "--" not in shown.err
    train(**(OPTIONS | {"steps": 4}), quiet=True)
    assert capsys.readouterr() == ("", "")


def test_a_run_is_resumed_with_a_larger_budget(train, capsys):
    train(name="a", **(OPTIONS | {"steps": 4}), quiet=True)
    assert train((), resume="a", steps=8, quiet=True).figures["step"] == 8
    assert train((), resume="a").figures["step"] == 8
    assert (
        "a is finished; to train it further, resume it with a larger time, epochs or steps" in capsys.readouterr().err
    )


def test_an_interruption_saves_the_state_and_raises_keyboard_interrupt(train, monkeypatch, tmp_path):
    step = Trainer._step

    def interrupted(self, *arguments):
        if self.figures.step == 3:
            signal.raise_signal(signal.SIGINT)
        return step(self, *arguments)

    monkeypatch.setattr(Trainer, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(name="a", **OPTIONS, quiet=True)
    assert Checkpoint.read(tmp_path / "checkpoints" / "a" / "last.safetensors").figures["step"] == 4
    assert train((), resume="a", quiet=True).figures["step"] == 60


def test_training_works_in_another_thread(train):
    models = []
    thread = threading.Thread(target=lambda: models.append(train(**(OPTIONS | {"steps": 3}), quiet=True)))
    thread.start()
    thread.join()
    assert models[0].figures["step"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"corpus": ()}, "a corpus is required"),
        ({"steps": 3, "time": "3s"}, "time and steps cannot be combined"),
        ({"time": "3"}, "time must be a positive number with a unit"),
        ({"hiden_size": 3}, r"there is no option hiden_size: did you mean hidden_size\?"),
        ({"corpus": 3}, "corpus must be text, got 3"),
        ({"resume": "a", "cell": "gru"}, "resume takes its options from the run: cell cannot be given"),
        ({"resume": "a", "name": "b"}, "resume takes its options from the run: name cannot be given"),
        ({"cell": "gru", "projection_size": 8}, "projection_size is only for LSTM cells, not for cell='gru'; omit it"),
        ({"level": "note", "document": "line"}, "document='line' is for text"),
        ({"log_to": "wandb"}, "log_to must be one of tensorboard; got 'wandb'"),
    ],
)
def test_invalid_arguments_are_rejected_by_their_name(train, options, message):
    with pytest.raises(seqgen.UsageError, match=f"^{message}"):
        train(**options)


def test_a_notebook_shows_one_output_that_is_replaced(monkeypatch):
    shown = []

    class Handle:
        def update(self, renderable):
            shown[-1].append(str(renderable))

    notebook = ModuleType("IPython.display")
    notebook.display = lambda renderable, display_id: shown.append([str(renderable)]) or Handle()
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    monkeypatch.setattr(panel.console, "is_jupyter", True)
    assert panel.is_live(is_quiet=False)
    assert not panel.is_live(is_quiet=True)
    view = NotebookView()
    view.start()
    for text in ("one", "two", "three"):
        view.update(Text(text), refresh=True)
    view.stop()
    assert shown == [["one", "two", "three"]]
