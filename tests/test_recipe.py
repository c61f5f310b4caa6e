"""The recipe: automatic choices of options."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from seqgen.config import BudgetConfig, CorpusConfig, MachineConfig, ModelOptions, OptimizationOptions, TrainOptions
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.corpus.split_corpus import SplitCorpus
from seqgen.errors import UsageError
from seqgen.model.language_model import LanguageModel
from seqgen.music.write import rendered
from seqgen.training import calibration, recipe, stream_recipe
from seqgen.training.distributed import ALONE
from seqgen.training.dropout import MAX_DROPOUT, choose_dropout
from seqgen.training.recipe import resolve
from seqgen.training.sizes import (
    ATTENTION,
    FINE_TUNING,
    GENTLE_STEPS,
    GENTLE_TUNING_STEPS,
    REPETITIVE,
    SIZES,
    choose_learning_rate,
)
from seqgen.training.softmax_cutoff import ADAPTIVE_VOCABULARY, best_cutoff
from seqgen.training.stream_batches import StreamBatches
from seqgen.training.threads import threads_restored, use_threads
from tests.conftest import RHYME
from tests.scores import random_melody


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "rhyme.txt").write_text(RHYME * 100)
    return PreparedCorpus.prepare(SplitCorpus.read(CorpusConfig(corpus=(str(tmp_path / "rhyme.txt"),))), tmp_path)


@pytest.fixture(autouse=True)
def plain_text(monkeypatch):
    """The rhyme counts as a text that does not repeat itself."""
    monkeypatch.setattr(stream_recipe, "repetitiveness", lambda *_: REPETITIVE - 0.01)


def resolved(corpus, /, **groups):
    return resolve(TrainOptions(machine=MachineConfig(device="cpu"), **groups), corpus)[0]


def test_all_open_options_are_chosen_and_given_ones_are_kept(corpus):
    config = resolved(corpus, model=ModelOptions(hidden_size=24), optimization=OptimizationOptions(learning_rate=0.5))
    assert (config.model.hidden_size, config.optimization.learning_rate) == (24, 0.5)
    assert config.budget.time == "10m"
    assert (config.corpus.level, config.machine.device) == ("character", "cpu")
    assert config.machine.precision in {"float32", "bfloat16"}
    for group in (config.model, config.optimization):
        assert not any(group.is_open(name) for name in vars(group))


def test_a_network_attends_to_the_past_unless_its_size_is_given_or_it_would_overfit(corpus, monkeypatch):
    def spans(budget):
        models = {}, {"cell": "gru"}, {"attention": 0}, {"num_layers": 2}, {"hidden_size": 8, "attention": 5}
        return [resolved(corpus, model=ModelOptions(**given), budget=budget).model.attention for given in models]

    one_layer, two_layers = BudgetConfig(steps=1), BudgetConfig(steps=10**5)
    assert spans(one_layer) == [ATTENTION, ATTENTION, 0, 0, 5]
    assert spans(two_layers) == [0, 0, 0, 0, 5]
    monkeypatch.setattr(stream_recipe, "repetitiveness", lambda *_: REPETITIVE)
    assert spans(two_layers) == [ATTENTION, ATTENTION, 0, 0, 5]


def units(config):
    return config.model.num_layers * config.model.hidden_size


def test_more_steps_give_a_larger_model(corpus):
    sizes = [units(resolved(corpus, budget=BudgetConfig(steps=n))) for n in (100, 1000, 10**5)]
    assert sizes == sorted(set(sizes)) == [size.num_layers * size.hidden_size for size in SIZES]


def test_a_text_that_repeats_itself_needs_more_steps_for_a_second_layer(corpus, monkeypatch):
    def sizes(**given):
        budgets = [BudgetConfig(steps=n) for n in (400, 2000, 4000)]
        return [units(resolved(corpus, model=ModelOptions(**given), budget=budget)) for budget in budgets]

    assert sizes() == [256, 1024, 1024]
    monkeypatch.setattr(stream_recipe, "repetitiveness", lambda *_: REPETITIVE)
    assert sizes() == [256, 512, 1024]  # both layers would attend to the past
    assert sizes(attention=0) == [256, 1024, 1024]


def test_a_larger_vocabulary_needs_more_steps_for_a_larger_model(corpus, monkeypatch):
    def sizes(vocabulary_size):
        monkeypatch.setattr(type(corpus.level), "vocabulary_size", vocabulary_size)
        filled = np.ones(vocabulary_size, dtype=np.int64)
        varied = replace(corpus, train=replace(corpus.train, counts=filled))
        return [units(resolved(varied, budget=BudgetConfig(steps=n))) for n in (400, 700, 1200, 2000, 4000, 10**5)]

    assert sizes(65) == [256, 512, 512, 1024, 1024, 1024]
    assert sizes(440) == [256, 256, 512, 512, 1024, 1024]
    assert sizes(8400) == [256, 256, 256, 512, 512, 1024]


def test_the_number_of_steps_in_a_time_depends_on_the_machine(corpus, monkeypatch):
    times = {256: 0.01, 512: 0.04, 1024: 0.08}

    def on_a_machine(speed, time):
        monkeypatch.setattr(recipe, "step_seconds", lambda m, *_: times[m.num_layers * m.hidden_size] / speed)
        return units(resolved(corpus, budget=BudgetConfig(time=time)))

    assert [on_a_machine(1, time) for time in ("7s", "100s", "10m")] == [256, 512, 1024]
    assert [on_a_machine(10, time) for time in ("7s", "100s")] == [512, 1024]
    assert on_a_machine(0.1, "10m") == 512


def test_a_larger_model_must_have_enough_steps_itself(corpus, monkeypatch):
    def measured_and_chosen(seconds):
        measured = []

        def step_seconds(model, *_):
            measured.append(model.num_layers * model.hidden_size)
            return seconds[measured[-1]]

        monkeypatch.setattr(recipe, "step_seconds", step_seconds)
        return measured, units(resolved(corpus, model=ModelOptions(attention=0), budget=BudgetConfig(time="60s")))

    assert measured_and_chosen({256: 0.06, 512: 0.12, 1024: 0.2}) == ([256, 512], 512)
    assert measured_and_chosen({256: 0.06, 512: 0.17, 1024: 0.2}) == ([256, 512], 256)
    assert measured_and_chosen({256: 0.2}) == ([256], 256)  # a larger one has even fewer


def test_a_disturbed_measurement_does_not_change_the_time_per_step(corpus, monkeypatch):
    batches = StreamBatches(corpus.train, 8, 16, 0)
    tokens = [int((batch.targets >= 0).sum()) for batch, _ in zip(batches.from_step(0), range(6), strict=False)]
    passed = [60.0, *(0.001 * n for n in tokens[1:4]), 30.0, 0.001 * tokens[5]]  # the first warms up
    clock = itertools.chain.from_iterable((0.0, seconds) for seconds in passed)
    monkeypatch.setattr(calibration.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(calibration, "thread_counts", lambda *_: [1])
    model = resolved(corpus, model=ModelOptions(hidden_size=8), budget=BudgetConfig(steps=1)).model
    seconds = calibration.step_seconds(model, batches, MachineConfig(device="cpu", precision="float32"), corpus, ALONE)
    assert seconds == pytest.approx(0.001 * corpus.train.num_targets / batches.steps_per_epoch)


@pytest.mark.parametrize(
    ("passes", "cpu_share", "measured", "fastest"),
    [
        ({2: 0.06, 1: 0.10}, 1.0, [2] * 6, 2),  # a free machine
        ({2: 0.60, 1: 0.10}, 0.2, [2] * 3 + [1] * 6, 1),  # two threads delay each other
        ({2: 0.12, 1: 0.20}, 0.2, [2] * 3 + [1] * 6, 2),  # as fast as a busy machine can be
    ],
)
def test_fewer_threads_are_measured_on_a_busy_machine(corpus, monkeypatch, passes, cpu_share, measured, fastest):
    batches = StreamBatches(corpus.train, 8, 16, 0)
    model = resolved(corpus, model=ModelOptions(hidden_size=8), budget=BudgetConfig(steps=1)).model
    counts, cpu_seconds = [], [0.0]

    def pass_seconds(_model, batch, _dtype):
        counts.append(torch.get_num_threads())
        seconds = passes[counts[-1]] * batch.num_targets / batches.tokens_per_step
        cpu_seconds[0] += cpu_share * counts[-1] * seconds
        return seconds

    monkeypatch.setattr(calibration, "_pass_seconds", pass_seconds)
    monkeypatch.setattr(calibration.time, "process_time", lambda: cpu_seconds[0])
    machine = MachineConfig(device="cpu", precision="float32")
    with threads_restored():
        use_threads(2)
        seconds = calibration.step_seconds(model, batches, machine, corpus, ALONE)
        assert torch.get_num_threads() == 2
    assert counts == measured
    assert seconds == pytest.approx(passes[fastest])


def test_several_layers_are_normalised_and_residual(corpus):
    for given, expected in (({"num_layers": 1}, False), ({"num_layers": 3}, True)):
        model = resolved(corpus, model=ModelOptions(hidden_size=8, **given), budget=BudgetConfig(steps=1)).model
        assert (model.residual, model.layer_norm) == (expected, expected)
    plain = ModelOptions(num_layers=2, hidden_size=8, residual=False, layer_norm=False)
    model = resolved(corpus, model=plain, budget=BudgetConfig(steps=1)).model
    assert (model.residual, model.layer_norm) == (False, False)


def test_without_a_time_budget_the_recipe_depends_only_on_options_and_corpus(corpus, monkeypatch):
    monkeypatch.setattr("seqgen.training.recipe.step_seconds", None)  # must not be called
    assert resolved(corpus, budget=BudgetConfig(steps=50)) == resolved(corpus, budget=BudgetConfig(steps=50))


def test_dropout_increases_with_the_number_of_epochs(corpus):
    small = ModelOptions(hidden_size=8)
    models = [resolved(corpus, model=small, budget=BudgetConfig(epochs=n)).model for n in (1, 4, 8, 16, 256, 10**6)]
    dropouts, recurrent = ([getattr(m, f) for m in models] for f in ("dropout", "recurrent_dropout"))
    assert dropouts[0] == 0
    assert dropouts[:4] == sorted(set(dropouts[:4]))
    assert dropouts[4:] == [MAX_DROPOUT] * 2
    assert recurrent[:4] == [0] * 4  # only far beyond the maximum dropout
    assert 0 < recurrent[4] < recurrent[5] == MAX_DROPOUT


def test_a_high_dropout_includes_embeddings(corpus):
    for dropout, expected in ((0.2, 0.0), (0.4, 0.05), (0.5, 0.1)):
        model = ModelOptions(hidden_size=8, dropout=dropout)
        assert resolved(corpus, model=model, budget=BudgetConfig(steps=1)).model.embedding_dropout == expected
    tied = ModelOptions(hidden_size=8, dropout=0.5, tie_weights=True)
    assert resolved(corpus, model=tied, budget=BudgetConfig(steps=1)).model.embedding_dropout == 0.4


def test_only_chosen_options_are_reported(corpus):
    budget = BudgetConfig(steps=1234)
    machine = MachineConfig(device="cpu")
    models = (ModelOptions(hidden_size=8, dropout=dropout) for dropout in (None, 0.3))
    choices = [resolve(TrainOptions(machine=machine, model=model, budget=budget), corpus) for model in models]
    assert all("8 units, 1,234 steps" in reasons[0] for _, reasons in choices)
    assert [f", dropout {config.model.dropout:g} (" in reasons[0] for config, reasons in choices] == [True, False]


def test_fine_tuning_has_a_lower_learning_rate(corpus):
    short = OptimizationOptions(batch_size=1, sequence_length=8)  # many steps per epoch
    new, tuned = (
        resolved(corpus, model=ModelOptions(hidden_size=8, from_=from_), optimization=short).optimization.learning_rate
        for from_ in (None, "parent")
    )
    assert tuned == pytest.approx(FINE_TUNING * new, rel=0.05)  # two digits


def test_a_large_vocabulary_has_tied_weights(tmp_path):
    (tmp_path / "words.txt").write_text(" ".join(f"w{i % 2500}" for i in range(10_000)))
    config = CorpusConfig(corpus=(str(tmp_path / "words.txt"),), level="word")
    corpus = PreparedCorpus.prepare(SplitCorpus.read(config), tmp_path)
    for given, expected in (({}, True), ({"tie_weights": False}, False), ({"embedding_size": 16}, False)):
        model = resolved(corpus, model=ModelOptions(hidden_size=8, **given), budget=BudgetConfig(steps=1)).model
        assert model.tie_weights == expected
        assert (model.embedding_size == model.output_size) == expected


def test_dropout_increases_with_the_parameters_per_token(corpus):
    once = BudgetConfig(epochs=1)
    rates = [resolved(corpus, model=ModelOptions(hidden_size=n), budget=once).model.dropout for n in (8, 64, 128)]
    assert rates[0] == 0
    assert rates == sorted(set(rates))


def test_transposed_music_gets_less_dropout(tmp_path):
    """The embeddings of factors do not count as parameters."""
    for seed in range(120):
        (tmp_path / f"{seed}.mid").write_bytes(rendered(random_melody(seed), ".mid"))
    rates = []
    for transpose in ("off", "on"):
        config = CorpusConfig(corpus=(str(tmp_path / "*.mid"),), transpose=transpose)
        corpus = PreparedCorpus.prepare(SplitCorpus.read(config), tmp_path / transpose)
        given = {
            "corpus": config,
            "model": ModelOptions(hidden_size=24, embedding_size=8),
            "budget": BudgetConfig(epochs=12),
        }
        model = resolved(corpus, **given).model
        rates.append(model.dropout)
        plain = LanguageModel(model, corpus.level.vocabulary_size)
        num_copies = 12**0.5 if transpose == "on" else 1
        per_token = plain.num_parameters / corpus.train.num_targets / num_copies
        assert model.dropout == choose_dropout(model, ModelOptions(), 12 / num_copies, per_token).dropout
    assert 0 < rates[1] < rates[0] < MAX_DROPOUT


def test_a_small_corpus_has_a_lower_learning_rate(corpus):
    epochs = BudgetConfig(epochs=1)
    sizes = [OptimizationOptions(batch_size=1, sequence_length=n) for n in (8, 2048)]
    rates = [resolved(corpus, optimization=size, budget=epochs).optimization.learning_rate for size in sizes]
    assert rates[1] < rates[0] == SIZES[1].learning_rate


def test_the_learning_rate_grows_with_the_steps_per_epoch_up_to_that_of_the_size(corpus):
    model = resolved(corpus, model=ModelOptions(num_layers=1, hidden_size=256)).model
    assert [choose_learning_rate(model, GENTLE_STEPS * n) for n in (1, 2)] == [SIZES[0].learning_rate] * 2
    assert choose_learning_rate(model, 1) == pytest.approx(SIZES[0].learning_rate / GENTLE_STEPS**1.5, rel=0.05)
    tuned = replace(model, from_="parent")
    rates = [choose_learning_rate(tuned, n) for n in (1, GENTLE_STEPS, GENTLE_TUNING_STEPS)]
    assert rates == sorted(set(rates))
    assert rates[2] == FINE_TUNING * SIZES[0].learning_rate


def test_tied_weights_get_an_embedding_of_the_hidden_size(corpus):
    assert resolved(corpus, model=ModelOptions(tie_weights=True, hidden_size=24)).model.embedding_size == 24


def test_the_softmax_is_adaptive_if_many_tokens_are_rare():
    frequent, rare = [10_000] * 500, [1] * 9_500  # 0.2 % are rare
    assert best_cutoff(np.array(frequent + rare)) == 500
    assert best_cutoff(np.array((frequent + rare)[: ADAPTIVE_VOCABULARY - 1])) == 0
    counts = np.random.default_rng(1).zipf(1.5, 6_000)
    counts[::-1].sort()

    def logits(cutoff):
        return cutoff + counts[cutoff:].sum() / counts.sum() * (len(counts) - cutoff)

    assert best_cutoff(counts) == min(range(1, len(counts)), key=logits)


def test_a_cutoff_above_the_vocabulary_size_is_rejected(corpus):
    assert resolved(corpus, budget=BudgetConfig(steps=1)).model.softmax_cutoff == 0
    with pytest.raises(UsageError, match="--softmax-cutoff must be below the vocabulary size of 48, got 50"):
        resolved(corpus, model=ModelOptions(softmax_cutoff=50))


def test_memory_is_checked_for_the_streams_that_a_machine_reads(corpus, monkeypatch):
    seen = []
    monkeypatch.setattr(recipe, "check_memory", lambda model, num_streams, *_: seen.append(num_streams))
    for world in (ALONE, replace(ALONE, size=4, local=replace(ALONE, size=2)), replace(ALONE, size=3)):
        monkeypatch.setattr(type(world), "broadcast", lambda self, content: content())
        resolve(
            TrainOptions(budget=BudgetConfig(steps=1), optimization=OptimizationOptions(batch_size=32)), corpus, world
        )
    assert seen == [32, 16, 11]
