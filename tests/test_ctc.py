"""The model without a decoder: probabilities by brute force, both searches, and training."""

import itertools
import json
from dataclasses import replace
from functools import partial
from itertools import groupby
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from seqgen.checkpoint import Checkpoint
from seqgen.config import (
    BudgetConfig,
    CorpusConfig,
    FoldersConfig,
    MachineConfig,
    ModelConfig,
    ModelOptions,
    SamplingConfig,
    TrainConfig,
    TrainOptions,
)
from seqgen.corpus.dataset import Dataset
from seqgen.encoders.base import Signal
from seqgen.encoders.image import ImageCoding
from seqgen.encoders.strokes import StrokesCoding
from seqgen.errors import CheckpointError, UsageError
from seqgen.evaluation.attention_map import AttentionMap
from seqgen.evaluation.pair_likelihood import pair_surprisals
from seqgen.evaluation.progress import Task
from seqgen.levels.base import PADDING, Level
from seqgen.model.ctc import BLANK, CtcModel, make_model
from seqgen.model.encoder import Given
from seqgen.model.language_model import LanguageModel
from seqgen.runs import LAST
from seqgen.sampling.ctc import best_path, ctc_search, prefix_search
from seqgen.sampling.transcriber import Transcriber
from seqgen.training.pair_batches import PairBatches
from seqgen.training.pair_recipe import PairRecipe
from seqgen.training.session import Session
from tests.test_signals import WORDS, strokes_of, write_json

SIZES = {
    "num_layers": 1,
    "hidden_size": 8,
    "embedding_size": 8,
    "encoder_layers": 1,
    "alignment": "ctc",
    "subsampling": 2,
}
CODING = StrokesCoding(16)


def make(generator, vocabulary=5, **options):
    config = ModelConfig(**SIZES | options)
    model = make_model(config, vocabulary, CODING.front_end(config))
    model.initialise(generator, torch.ones(vocabulary))
    return model.eval()


def collapsed(path):
    return tuple(token for token, _ in groupby(path) if token != BLANK)


def by_brute_force(outputs):
    """Return the probability of every text, from log-probabilities of shape (positions, vocabulary)."""
    found = {}
    for path in itertools.product(range(outputs.shape[1]), repeat=len(outputs)):
        value = np.exp(sum(outputs[place, token] for place, token in enumerate(path)))
        found[collapsed(path)] = found.get(collapsed(path), 0.0) + value
    return found


def some_outputs(positions, vocabulary, generator):
    values = torch.log_softmax(2 * torch.randn(positions, vocabulary, generator=generator), -1).double()
    values[:, Level.END] = -torch.inf
    return (values - values.logsumexp(-1, keepdim=True)).numpy()


def test_options_choose_the_kind_of_model():
    config = ModelConfig(**SIZES)
    assert isinstance(make_model(config, 5, CODING.front_end(config)), CtcModel)
    assert type(make_model(ModelConfig(**SIZES | {"encoder_layers": 0}), 5, None)) is LanguageModel


def test_the_loss_is_the_sum_over_all_alignments(generator):
    model = make(generator, vocabulary=4)
    rows, lengths = torch.randn(9, 3, 3, generator=generator), torch.tensor([9, 4, 6])  # 5, 2 and 3 outputs
    given = Given(rows, lengths)
    targets = torch.tensor([[2, 3, 1], [2, 1, PADDING], [1, PADDING, PADDING]])
    values, counts = model.log_probabilities(given)
    found = model.nats(given, targets)
    assert counts.tolist() == [5, 2, 3]
    for place, text in enumerate([(2, 2), (3,), ()]):
        outputs = values[: counts[place], place].double().detach().numpy()
        expected = -np.log(by_brute_force(outputs)[text])
        assert found[place].item() == pytest.approx(expected, rel=1e-4)


def test_padding_and_other_texts_have_no_effect(generator):
    model = make(generator)
    given = Given(torch.randn(12, 3, 3, generator=generator), torch.tensor([12, 7, 9]))
    targets = torch.tensor([[2, 3, 4], [4, 1, 3], [1, PADDING, 1]])
    together = model.nats(given, targets)
    for place, (length, size) in enumerate([(12, 3), (7, 2), (9, 3)]):
        alone = Given(given.rows[:length, [place]], given.lengths[[place]])
        torch.testing.assert_close(model.nats(alone, targets[:size, [place]])[0], together[place])


def test_a_text_with_too_few_outputs_is_impossible(generator):
    model = make(generator)
    given = Given(torch.randn(4, 2, 3, generator=generator), torch.tensor([4, 4]))
    possible, impossible = model.nats(given, torch.tensor([[2, 2], [3, 2], [1, 1]])).tolist()  # equal ones need a blank
    assert np.isfinite(possible)
    assert impossible == np.inf


@pytest.mark.parametrize("positions", [1, 2, 5])
def test_a_wide_beam_finds_every_text_with_its_probability(positions, generator):
    outputs = some_outputs(positions, 4, generator)
    expected = {text: value for text, value in by_brute_force(outputs).items() if value > 0}
    found = {tuple(each.ids[:-1]): np.exp(each.log_probability) for each in prefix_search(outputs, 10_000)}
    assert found == pytest.approx(expected)
    assert sum(found.values()) == pytest.approx(1)


def test_texts_are_ranked_by_probability_and_end(generator):
    found = prefix_search(some_outputs(5, 4, generator), 7)
    assert len(found) == 7
    assert [each.log_probability for each in found] == sorted((each.log_probability for each in found), reverse=True)
    assert all(each.ids[-1] == Level.END and not each.is_cut for each in found)


def test_the_best_path_is_the_text_of_the_most_likely_outputs(generator):
    outputs = some_outputs(6, 4, generator)
    found = best_path(outputs)
    assert tuple(found.ids[:-1]) == collapsed(outputs.argmax(1).tolist())
    assert found.log_probability == pytest.approx(outputs.max(1).sum())


def test_the_search_restores_the_order_and_avoids_forbidden_tokens(generator):
    model = make(generator)
    givens = [np.random.default_rng(i).standard_normal((4 + 5 * (i % 3), 3)).astype(np.float32) for i in range(7)]
    together = ctc_search(model, givens, [3], beam_size=4, num_best=2, precision="float32")
    for rows, found in zip(givens, together, strict=True):
        (alone,) = ctc_search(model, [rows], [3], beam_size=4, num_best=2, precision="float32")
        assert [each.ids for each in found] == [each.ids for each in alone]
        assert not any(3 in each.ids for each in found)
        assert len(found) == 2


def test_pairs_with_too_few_outputs_are_left_out(make_dataset, tmp_path):
    text = make_dataset("ab", "aab", "b", "aa")
    lengths = [4, 4, 1, 6]  # given positions, of which two make an output
    given = Dataset(np.zeros((sum(lengths), 3), dtype=np.float16), np.cumsum([0, *lengths]), np.zeros(0), {})
    dataset = Dataset(text.ids, text.offsets, text.counts, text.extent, given)
    batches = PairBatches(dataset, 1, 100, 0, subsampling=2)
    assert batches.num_without_room == 1  # "aab" needs four outputs
    assert batches.num_too_long == 0
    assert batches.steps_per_epoch == 3
    assert PairBatches(dataset, 1, 100, 0).num_without_room == 0
    assert PairBatches(dataset, 1, 4, 0, subsampling=2).num_too_long == 1


def strokes_corpus(make_dataset, lengths):
    """Return a corpus of texts of two letters that are given strokes with these numbers of movements."""
    text = make_dataset(*["ab"] * len(lengths))
    given = Dataset(np.zeros((sum(lengths), 3), dtype=np.float16), np.cumsum([0, *lengths]), np.zeros(0), {})
    train = Dataset(text.ids, text.offsets, text.counts, text.extent, given)
    return SimpleNamespace(given_coding=CODING, train=train)


@pytest.mark.parametrize(
    ("lengths", "options", "expected"),
    [
        ([9] * 40, {}, ("ctc", 2)),
        ([9] * 38 + [2] * 2, {}, ("ctc", 1)),  # two movements are enough if each has an output
        ([9] * 199 + [2], {}, ("ctc", 2)),  # at most 1 %
        ([9] * 38 + [1] * 2, {}, ("ctc", 2)),  # no subsampling helps
        ([9] * 30 + [1] * 10, {}, ("attention", 2)),
        ([9] * 30 + [1] * 10, {"alignment": "ctc"}, ("ctc", 2)),
        ([9] * 40, {"subsampling": 1}, ("ctc", 1)),
        ([9] * 40, {"alignment": "none"}, ("none", 2)),
    ],
)
def test_the_subsampling_leaves_an_output_for_each_token_of_most_texts(lengths, options, expected, make_dataset):
    requested = ModelOptions(**options)
    model, _ = PairRecipe(strokes_corpus(make_dataset, lengths), requested).model(requested, lambda _: 100.0)
    assert (model.alignment, model.subsampling) == expected


def test_a_subsampling_that_is_not_available_is_refused(make_dataset):
    with pytest.raises(UsageError, match="--subsampling must be 2 or 1 here, got 3"):
        PairRecipe(strokes_corpus(make_dataset, [9, 9]), ModelOptions(subsampling=3))
    pictures = SimpleNamespace(given_coding=ImageCoding(64, is_line=False), train=None)
    with pytest.raises(UsageError, match="--subsampling 2 is for lines of writing, recordings and strokes: omit it"):
        PairRecipe(pictures, ModelOptions(subsampling=2))
    requested = ModelOptions(subsampling=1)
    assert PairRecipe(pictures, requested).model(requested, lambda _: 100.0)[0].alignment == "attention"


def start(folder, steps, dropout=0.0):
    """Start a run on words in strokes."""
    path = write_json(folder / "words.jsonl", WORDS)
    requested = TrainOptions(
        corpus=CorpusConfig(corpus=(str(path),), given="strokes", field="text"),
        model=ModelOptions(hidden_size=32, dropout=dropout),
        budget=BudgetConfig(steps=steps),
        machine=MachineConfig(device="cpu", precision="float32"),
    )
    folders = FoldersConfig(checkpoints_dir=str(folder / "checkpoints"), data_dir=str(folder / "data"))
    return Session(folders, lambda *_, **__: None).start(requested, None), folders, path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train on words in strokes."""
    trainer, folders, path = start(tmp_path_factory.mktemp("ctc"), 120)
    for _ in trainer.train(lambda: False):
        pass
    return trainer, Checkpoint.read(trainer.run.best), folders, path


def test_signals_that_are_read_one_after_the_other_give_the_same_result(tmp_path):
    weights = []
    for num_passes in (1, 3):
        (tmp_path / str(num_passes)).mkdir()
        trainer, *_ = start(tmp_path / str(num_passes), 6, dropout=0.2)
        trainer.learner.num_passes = num_passes
        for _ in trainer.train(lambda: False):
            pass
        weights.append(trainer.learner.model.state_dict())
    for name, weight in weights[0].items():
        torch.testing.assert_close(weight, weights[1][name], rtol=1e-3, atol=1e-5)


def test_ctc_is_chosen_for_strokes_and_learns_to_read_them(trained):
    trainer, checkpoint, *_ = trained
    assert trainer.config.model.alignment == "ctc"
    assert trainer.config.optimization.label_smoothing == 0
    assert trainer.figures.best_valid_errors < 0.1
    writer = Transcriber.of(checkpoint, checkpoint.model())
    rows = [trainer.corpus.valid.given.document(i) for i in range(trainer.corpus.valid.num_documents)]
    texts = [trainer.corpus.level.decode(trainer.corpus.valid.document(i)) for i in range(len(rows))]
    found = [best[0].text for best in writer.best_of_rows(rows)]
    assert sum(a == b for a, b in zip(found, texts, strict=True)) >= len(texts) - 1
    most_likely = [best[0].text for best in writer.best_of_rows(rows, beam_size=1)]  # outputs, not texts
    assert sum(a == b for a, b in zip(most_likely, texts, strict=True)) >= len(texts) - 2


def test_a_checkpoint_without_its_subsampling_is_refused(trained, monkeypatch, tmp_path):
    _, checkpoint, _, _ = trained
    flat = TrainConfig.to_flat
    monkeypatch.setattr(
        TrainConfig, "to_flat", lambda self: {k: v for k, v in flat(self).items() if k != "subsampling"}
    )
    checkpoint.write(tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="before --subsampling could be chosen: train it again"):
        Checkpoint.read(tmp_path / "a.safetensors")


def test_a_signal_is_decoded_once_for_a_search(trained, monkeypatch):
    _, checkpoint, _, _ = trained
    calls, rows = [], StrokesCoding.rows
    monkeypatch.setattr(StrokesCoding, "rows", lambda self, data: calls.append(data) or rows(self, data))
    writer = Transcriber.of(checkpoint, checkpoint.model())
    data = json.dumps(strokes_of("LVT")).encode()
    writer.rows(Signal.of("a", data))
    assert writer.best([Signal.of("b", data)])[0][0].text == "LVT"
    assert len(calls) == 1
    for number in range(2, 80):
        writer.rows(Signal.of("c", json.dumps([[[0, 0], [0, number], [number, 1]]]).encode()))
    assert len(writer._vectors) < 80


def test_what_a_model_without_a_decoder_cannot_do_is_refused(trained):
    _, checkpoint, _, _ = trained
    writer = Transcriber.of(checkpoint, checkpoint.model())
    with pytest.raises(UsageError, match="--prime needs a decoder"):
        writer.write([], SamplingConfig(given=("",), prime="L"))
    with pytest.raises(UsageError, match="--temperature and other options of sampling need a decoder"):
        writer.write([], SamplingConfig(given=("",), temperature=0.5))


def test_an_impossible_text_counts_as_drawn_uniformly(generator, make_dataset):
    model = make(generator, vocabulary=20)
    text = make_dataset("ab", "aab")
    given = Dataset(np.ones((8, 3), dtype=np.float16), np.array([0, 4, 8]), np.zeros(0), {})  # two outputs each
    dataset = replace(text, given=given)
    nats, errors = pair_surprisals(model, dataset, np.arange(2), torch.float32, Task())
    assert nats[dataset.offsets[2] - 1] == pytest.approx(4 * np.log(20))
    assert 0 < nats[dataset.offsets[1] - 1] < 100
    assert np.count_nonzero(nats) == 2
    assert errors > 0


def test_a_run_without_a_decoder_is_interrupted_and_resumed_bit_for_bit(trained, tmp_path):
    trainer, _, _, path = trained
    requested = replace(trainer.requested, budget=BudgetConfig(steps=12))
    states = []
    for name, stops in (("whole", False), ("resumed", True)):
        folders = FoldersConfig(checkpoints_dir=str(tmp_path / name), data_dir=str(tmp_path))
        session = Session(folders, lambda *_, **__: None)
        run = session.start(requested, "run")
        answers = iter([False] * (5 if stops else 100))
        for _ in run.train(partial(next, answers, True)):
            pass
        if stops:
            run = session.resume("run")
            for _ in run.train(lambda: False):
                pass
        states.append(Checkpoint.read(run.run.folder / LAST).training)
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert path.exists()


def test_nothing_to_show_is_said(trained):
    _, checkpoint, _, _ = trained
    weights = {name: torch.zeros_like(tensor) for name, tensor in checkpoint.weights.items()}
    blank = replace(checkpoint, weights=weights)
    model, given = blank.model(), Signal.of("a", b"[[[0, 0], [0, 9]]]")
    with pytest.raises(UsageError, match="the model writes nothing for this"):
        AttentionMap.of(blank, model, given)


def test_the_outputs_are_shown_over_time(trained):
    _, checkpoint, _, _ = trained
    shown = AttentionMap.of(checkpoint, checkpoint.model(), Signal.of("a", json.dumps(strokes_of("LTV")).encode()))
    assert shown.text == ["L", "T", "V"]
    assert len(shown.weights) == 3
    peaks = [row.index(max(row)) for row in shown.weights]
    assert peaks == sorted(peaks)
    assert all(len(row) == len(shown.given) for row in shown.weights)
