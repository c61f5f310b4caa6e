"""Training on pairs: learning, exact resumption, several processes, and options that do not fit together."""

import random
from dataclasses import replace

import pytest
import torch

from seqgen.config import TrainOptions
from seqgen.errors import UsageError
from seqgen.training import recipe
from seqgen.training.batch import Batch
from seqgen.training.pair_recipe import OUTLIER
from seqgen.training.recipe import check_given_options
from seqgen.training.session import Session
from tests.conftest import quick_runner
from tests.several import assert_close, done, last
from tests.several import train as train_in_process
from tests.test_training import assert_bit_for_bit, train, train_and_kill_after_the_best_model_of

COLUMNS = {"given": "1", "field": "2"}


def reversals(count, longest=5):
    """Return a table of words and their reversals."""
    source = random.Random(1)
    words = {"".join(source.choices("abcde", k=source.randint(2, longest))) for _ in range(count)}
    return "".join(f"{word}\t{word[::-1]}\n" for word in sorted(words))


@pytest.fixture
def start_pairs(start):
    """Return a function that starts a small run on pairs."""

    def begin(name="run", text=reversals(100), *, optimization=None, **options):  # noqa: B008  # a string
        optimization = {"sequence_length": None} | (optimization or {})
        return start(name, text, optimization=optimization, corpus=COLUMNS, file="pairs.tsv", **options)

    return begin


def test_a_run_learns_to_reverse_words_it_has_not_seen(start_pairs):
    model = {"hidden_size": 48, "dropout": 0.0, "embedding_dropout": 0.0, "num_layers": None}
    optimization = {"batch_size": 32, "label_smoothing": 0.0}
    trainer = start_pairs(text=reversals(600), model=model, optimization=optimization, steps=250)
    reports = train(trainer)
    assert reports[0].train_nats > 1.2
    assert trainer.figures.best_valid_nats < 0.05


@pytest.mark.parametrize("model", [{}, {"alignment": "none"}, {"cell": "gru", "num_layers": 2, "encoder_layers": 2}])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_interrupted_and_resumed_run_is_bit_for_bit_identical(start_pairs, folders, model, precision):
    whole = start_pairs("whole", model=model, precision=precision, steps=23)
    train(whole)
    train(start_pairs("stopped", model=model, precision=precision, steps=23), stop_at=9)
    resumed = Session(folders, print).resume("stopped")
    assert resumed.figures.step == 9
    train(resumed)
    for file in ("last.safetensors", "best.safetensors"):
        assert_bit_for_bit(whole, resumed, file)


def test_validations_report_a_pair_and_what_is_written_for_it(start_pairs):
    model = {"hidden_size": 48, "dropout": 0.0, "embedding_dropout": 0.0, "num_layers": None}
    trainer = start_pairs(text=reversals(600), model=model, optimization={"batch_size": 32}, steps=250)
    validated = [report for report in train(trainer) if report.valid_nats is not None]
    assert all(report.example.reference == report.example.given[::-1] for report in validated)
    assert validated[-1].example.output == validated[-1].example.reference
    assert len({report.example.given for report in validated}) > 1
    assert validated[-1].valid_errors < 0.05
    logged = trainer.run.read_log()[-1]
    assert logged["example"]["output"] == validated[-1].example.output


def test_a_model_that_ignores_its_given_is_reported(start_pairs):
    text = "".join(
        f"{line.split()[0]}\t{'abc' if i % 2 else 'abcd'}\n" for i, line in enumerate(reversals(200).splitlines())
    )
    trainer = start_pairs(text=text, steps=60)
    warnings = [report.example.warning for report in train(trainer) if report.valid_nats is not None]
    assert any("got the same output" in warning for warning in warnings)


def test_a_run_killed_between_two_saves_is_bit_for_bit_identical(start_pairs, folders, monkeypatch):
    whole, killed = (start_pairs(name, steps=20) for name in ("whole", "killed"))
    train(whole)
    best_step = whole.figures.best_step
    train_and_kill_after_the_best_model_of(best_step, killed, monkeypatch)
    assert killed.run.read_last().figures["step"] < best_step
    resumed = Session(folders, print).resume("killed")
    train(resumed)
    for file in ("last.safetensors", "best.safetensors"):
        assert_bit_for_bit(whole, resumed, file)


def test_parts_of_batches_that_are_read_one_after_the_other_give_the_same_result(start_pairs):
    rates = {"dropout": 0.3, "embedding_dropout": 0.2, "recurrent_dropout": 0.1}
    together, apart = (start_pairs(name, model=rates, precision="float32", steps=12) for name in ("a", "b"))
    apart.learner.num_passes = 3
    for trainer in (together, apart):
        train(trainer)
    assert_close(*(trainer.run.read_last() for trainer in (together, apart)))


@pytest.mark.parametrize("number", ["2", "4"])
def test_several_processes_learn_the_same_as_one(tmp_path, number):
    (tmp_path / "pairs.tsv").write_text(reversals(40), encoding="utf-8")
    options = ("--corpus", "pairs.tsv", "--given", "1", "--field", "2", "--hidden-size", "16", "--batch-size", "5",
               "--precision", "float32", "--seed", "1", "--steps", "30", "--recurrent-dropout", "0.1")  # fmt: skip
    cli = quick_runner(tmp_path)("train", *options, "--name", "alone")
    assert cli.returncode == 0, cli.stderr
    done(train_in_process(tmp_path, *options, "--name", "several", "--processes", number))
    alone, several = last(tmp_path, "alone"), last(tmp_path, "several")
    assert_close(alone, several)
    assert several.figures["best_valid_nats"] == pytest.approx(alone.figures["best_valid_nats"], abs=1e-5)


def test_the_training_loss_is_reported_without_smoothing(start_pairs):
    """At a learning rate of almost zero, the loss of every step is that of the initial model."""
    losses = []
    for name, smoothing in (("a", 0.0), ("b", 0.3)):
        optimization = {"learning_rate": 1e-12, "label_smoothing": smoothing}
        trainer = start_pairs(name, optimization=optimization, precision="float32", steps=3)
        assert trainer.config.optimization.label_smoothing == smoothing
        losses.append(train(trainer)[-1].train_nats)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_smoothing_changes_what_is_learned(start_pairs):
    biases = []
    for name, smoothing in (("a", 0.0), ("b", 0.3)):
        trainer = start_pairs(name, optimization={"label_smoothing": smoothing}, steps=3)
        train(trainer)
        biases.append(trainer.model.output_bias.detach())
    assert not torch.allclose(*biases)


def test_a_tuned_run_begins_with_the_weights_of_its_parent_and_resumes_exactly(start_pairs, folders):
    parent = start_pairs("parent", model={"encoder_layers": 2, "alignment": "none"}, steps=4)
    train(parent)
    begun = {"model": {"from_": str(parent.run.folder / "best.safetensors")}, "text": reversals(60, longest=7)}
    whole = start_pairs("whole", steps=12, **begun)
    assert (whole.config.model.encoder_layers, whole.config.model.alignment) == (2, "none")
    for name, weight in parent.run.read_last().weights.items():
        assert torch.equal(whole.model.state_dict()[name], weight)
    train(whole)
    train(start_pairs("stopped", steps=12, **begun), stop_at=5)
    resumed = Session(folders, print).resume("stopped")
    train(resumed)
    assert_bit_for_bit(whole, resumed)


def test_pairs_that_are_much_longer_than_others_are_left_out_and_reported(start_pairs, capsys):
    text = reversals(600) + f"{'a' * 90}\tb\nc\t{'d' * 80}\n"
    trainer = start_pairs(text=text, steps=1)
    longest = 5 + len("<>")  # with the start and end tokens
    assert trainer.batches.max_length == trainer.config.optimization.max_length == OUTLIER * longest
    assert trainer.batches.num_too_long == 2
    message = f"2 pairs with more than {OUTLIER * longest} tokens on a side are left out of training (--max-length)"
    assert message in capsys.readouterr().out
    limited = start_pairs("limited", text=text, optimization={"max_length": 5}, steps=1)
    assert limited.batches.max_length == limited.config.optimization.max_length == 5
    assert "with more than 5 tokens on a side" in capsys.readouterr().out
    with pytest.raises(UsageError, match="no pair can be learned from: .* are longer than --max-length 2"):
        start_pairs("none", text=text, optimization={"max_length": 2}, steps=1)


@pytest.mark.parametrize(
    ("has_given", "options", "message"),
    [
        (True, {"optimization": {"sequence_length": 16}},
         "--sequence-length 16 cuts texts, but pairs (--given) are never cut: omit it, or leave out long pairs with "
         "--max-length"),
        (True, {"model": {"encoder_layers": 0}}, "--encoder-layers must be at least 1 with --given, got 0"),
        (False, {"model": {"encoder_layers": 2}},
         "--encoder-layers 2 needs --given, which names what texts are given: omit it"),
        (False, {"model": {"alignment": "none"}},
         "--alignment none needs --given, which names what texts are given: omit it"),
        (False, {"model": {"subsampling": 2}},
         "--subsampling 2 needs --given, which names what texts are given: omit it"),
        (False, {"optimization": {"max_length": 9}},
         "--max-length 9 needs --given, which names what texts are given: omit it"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit_together_are_rejected_before_the_corpus_is_read(folders, has_given, options, message):
    plain = TrainOptions()
    requested = replace(plain, corpus=replace(plain.corpus, corpus=("none.tsv",), given="1" if has_given else None))
    for group, values in options.items():
        requested = replace(requested, **{group: replace(getattr(plain, group), **values)})
    with pytest.raises(UsageError) as raised:
        Session(folders, print).start(requested)
    assert str(raised.value) == message


def test_options_of_plain_runs_are_accepted_without_a_given():
    check_given_options(TrainOptions())


@pytest.mark.parametrize("model", [{"softmax_cutoff": 4}, {"tie_weights": True, "embedding_size": 32}])
def test_the_adaptive_softmax_and_tied_weights_train_on_pairs(start_pairs, model):
    trainer = start_pairs(model=model, steps=30)
    reports = train(trainer)
    assert trainer.figures.best_valid_nats < reports[0].train_nats - 0.2


@pytest.mark.parametrize("is_conditional", [True, False])
def test_a_run_begins_only_from_one_of_its_kind(start, start_pairs, folders, is_conditional):
    parent = start_pairs("parent", steps=1) if is_conditional else start("parent", steps=1)
    train(parent)
    begun = {"model": {"from_": str(parent.run.folder / "best.safetensors")}}
    other = start if is_conditional else start_pairs
    rule = "with --given: name what the texts are given" if is_conditional else "without --given: omit --given, or"
    with pytest.raises(UsageError, match=f"--from names a run {rule}"):
        other("child", steps=1, **begun)
    assert not (parent.run.folder.parent / "child").exists()


def test_the_configuration_of_a_run_can_be_reused(tmp_path):
    (tmp_path / "pairs.tsv").write_text(reversals(40), encoding="utf-8")
    cli = quick_runner(tmp_path)
    options = ("--given", "1", "--field", "2", "--hidden-size", "16", "--steps", "5", "--seed", "1")
    first = cli("train", "--corpus", "pairs.tsv", *options, "--name", "first")
    assert first.returncode == 0, first.stderr
    again = cli("train", "--config", "checkpoints/first/config.toml", "--name", "again")
    assert again.returncode == 0, again.stderr
    for name, weight in last(tmp_path, "first").weights.items():
        assert torch.equal(last(tmp_path, "again").weights[name], weight)


def test_the_time_of_a_step_is_measured_on_pairs(start_pairs, monkeypatch):
    """With a pace of 1 ms per target, the number of steps follows from the mean number of targets per batch."""
    monkeypatch.setattr("seqgen.training.calibration._pass_seconds", lambda _, batch, __: batch.num_targets / 1000)
    seen = []
    measure = recipe.step_seconds
    monkeypatch.setattr(recipe, "step_seconds", lambda *given: seen.append(measure(*given)) or seen[-1])
    trainer = start_pairs(optimization={"max_length": 5}, time="1h")
    batches = [batch for batch, _ in zip(trainer.batches.from_step(0), range(trainer.batches.steps_per_epoch),
                                         strict=False)]  # fmt: skip
    assert seen == [pytest.approx(sum(batch.num_targets for batch in batches) / len(batches) / 1000)]


def test_batches_on_a_device_keep_what_texts_are_given(start_pairs):
    batch = next(start_pairs(steps=1).batches.from_step(0)).to("meta")
    assert isinstance(batch, Batch)
    assert batch.given.rows.device == batch.given.lengths.device == batch.targets.device == torch.device("meta")
