"""Beam search, compared with the model over whole sequences."""

import math
from itertools import product

import pytest
import torch

from seqgen import registry
from seqgen.cells import cell_class
from seqgen.errors import CheckpointError
from seqgen.model.encoder import Given
from seqgen.sampling import beam as module
from seqgen.sampling.beam import search
from seqgen.sampling.whole_characters import WholeCharacters

every_cell = pytest.mark.parametrize("name", registry.names("cells"))
START, END = 0, 1
LETTERS = ["", "", "61", "62", "63", "64", "65", "66"]
GIVENS = [[0, 4, 6, 1], [0, 2, 1], [0, 3, 3, 5, 2, 1], [0, 5, 1], [0, 6, 6, 6, 4, 2, 3, 1]]


def rules_of(hexadecimal, forbidden=()):
    return lambda num_left: WholeCharacters(hexadecimal, END, [START, *forbidden], num_left)


def find(model, givens, max_length, beam_size, *, num_best=1, forbidden=(), hexadecimal=LETTERS, precision="float32"):
    rules, lengths = rules_of(hexadecimal[: model.vocabulary_size], forbidden), [max_length] * len(givens)
    return search(model, givens, lengths, rules, beam_size, num_best, precision)


def peaked(make_model, vocabulary_size=8, **options):
    """Return a conditional model whose next tokens depend on what came before."""
    model = make_model(vocabulary_size, 7, encoder_layers=1, **options)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
        model.output_weight.mul_(3)
    return model


def log_probability(model, given, ids):
    with torch.inference_mode():
        state, memory = model.encode(Given.of([given]))
        logits, _ = model(torch.tensor([START, *ids[:-1]])[:, None], state, memory=memory)
    return float(logits[:, 0].double().log_softmax(-1).gather(1, torch.tensor(ids)[:, None]).sum())


def greedy(model, given, max_length):
    """Return the greedy tokens, each from the whole sequence before it."""
    ids = []
    while len(ids) < max_length and END not in ids:
        with torch.inference_mode():
            state, memory = model.encode(Given.of([given]))
            logits, _ = model(torch.tensor([START, *ids])[:, None], state, memory=memory)
        ids.append(1 + int(logits[-1, 0, 1:].argmax()))  # START is 0
    return ids


def every_sequence(num_tokens, max_length):
    letters = range(2, num_tokens)
    return [[*ids, END] for length in range(max_length) for ids in product(letters, repeat=length)]


@every_cell
@pytest.mark.parametrize("alignment", ["attention", "none"])
def test_a_beam_of_one_is_greedy(make_model, name, alignment):
    model = peaked(make_model, cell=name, alignment=alignment, num_layers=2, residual=True, layer_norm=True)
    with torch.no_grad():
        model.output_bias[END] += 2.0
    found = find(model, GIVENS, 12, 1)
    assert [each[0].ids for each in found] == [greedy(model, given, 12) for given in GIVENS]
    assert alignment == "none" or any(not each[0].is_cut for each in found)
    for given, (best,) in zip(GIVENS, found, strict=True):
        assert best.log_probability == pytest.approx(log_probability(model, given, best.ids), abs=1e-4)
        assert best.is_cut == (best.ids[-1] != END)


@every_cell
def test_an_exhaustive_beam_finds_the_best_of_all_sequences(make_model, name):
    projection = {"projection_size": 6} if cell_class(name).takes_projection else {}
    model = peaked(make_model, 4, cell=name, **projection)
    sequences = every_sequence(4, 5)
    found = find(model, GIVENS, 5, 64, num_best=6)
    for given, best in zip(GIVENS, found, strict=True):
        scores = {tuple(ids): log_probability(model, given, ids) / len(ids) for ids in sequences}
        expected = sorted(scores, key=lambda ids: -scores[ids])[:6]
        assert [tuple(each.ids) for each in best] == expected
        assert [each.score for each in best] == pytest.approx([scores[ids] for ids in expected], abs=1e-4)


def plain_beam(model, given, max_length, beam_size):
    """Return the texts that a beam search finds that is written with lists, best first."""
    found, beam = [], [[]]
    for _ in range(max_length):
        ways = [[*ids, token] for ids in beam for token in range(1, model.vocabulary_size)]
        ways = sorted(ways, key=lambda ids: -log_probability(model, given, ids))[: beam_size - len(found)]
        found += [ids for ids in ways if ids[-1] == END]
        beam = [ids for ids in ways if ids[-1] != END]
    found += beam if found in ([], [[END]]) else []
    return sorted(found, key=lambda ids: -log_probability(model, given, ids) / len(ids))


def test_the_texts_are_those_of_a_plain_beam_search(make_model):
    model = peaked(make_model, 6)
    with torch.no_grad():
        model.output_bias[END] += 3.0
    expected = [plain_beam(model, given, 5, 4) for given in GIVENS]
    assert [[each.ids for each in best] for best in find(model, GIVENS, 5, 4, num_best=4)] == expected
    assert any(len(best) > 1 for best in expected)


class Scripted:
    """Steps of two streams that end with probability 0.7 at once, and hardly ever later; `a` and `b` are alike."""

    def __init__(self, *_):
        self.num_steps = 0

    def __call__(self, ids):
        self.num_steps += 1
        end = 0.7 if self.num_steps == 1 else 1e-6
        return torch.tensor([1e-9, end, (1 - end) / 2, (1 - end) / 2]).log().expand(len(ids), -1)

    def select(self, streams, givens=None):
        pass


def test_a_search_stops_when_no_open_hypothesis_can_be_better(make_model, monkeypatch):
    step = Scripted()
    monkeypatch.setattr(module, "stepper", lambda *_: step)
    ((best,),) = find(peaked(make_model, 4), GIVENS[:1], 10, 2)
    assert best.ids == [END]
    assert best.score == pytest.approx(math.log(0.7))
    bounds = [(math.log(0.15) + math.log(0.5) * more) / 10 for more in range(10)]
    assert step.num_steps == 1 + next(more for more, bound in enumerate(bounds) if bound <= best.score) == 4


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_texts_do_not_depend_on_which_givens_are_searched_together(make_model, monkeypatch, precision):
    model = peaked(make_model, num_layers=2, residual=True, layer_norm=True)
    together = find(model, GIVENS * 9, 20, 4, num_best=4, precision=precision)
    monkeypatch.setattr(module, "_MAX_STREAMS", 4)
    alone = [find(model, [given], 20, 4, num_best=4, precision=precision)[0] for given in GIVENS * 9]
    assert [[each.ids for each in best] for best in together] == [[each.ids for each in best] for best in alone]
    scores = [[each.score for best in found for each in best] for found in (together, alone)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-4 if precision == "float32" else 1e-2)


def test_excluded_tokens_are_never_written(make_model):
    model = peaked(make_model)
    with torch.no_grad():
        model.output_bias[[START, 3]] = 50.0
    for best in find(model, GIVENS, 6, 4, num_best=4, forbidden=[3]):
        assert not {START, 3} & {token for each in best for token in each.ids}


def test_incomplete_characters_are_never_written(make_model):
    model = peaked(make_model)
    hexadecimal = ["", "", "61", "c3", "e2", "82", "ac", "a4"]
    for max_length in (1, 2, 3, 7):
        for best in find(model, GIVENS, max_length, 8, num_best=8, hexadecimal=hexadecimal):
            for each in best:
                bytes.fromhex("".join(hexadecimal[token] for token in each.ids)).decode()


def test_a_text_without_an_end_is_cut_at_the_maximum_length(make_model):
    model = peaked(make_model)
    with torch.no_grad():
        model.output_bias[END] = -50.0
    for best in find(model, GIVENS, 9, 3, num_best=2):
        assert [(len(each.ids), each.is_cut) for each in best] == [(9, True)] * 2


@pytest.mark.parametrize(("max_length", "is_cut"), [(1, True), (2, False)])
def test_a_text_that_ends_is_preferred_to_one_that_is_cut_unless_it_is_empty(make_model, max_length, is_cut):
    model = peaked(make_model, 4)
    with torch.no_grad():
        model.output_bias[END] -= 30.0
    for best in find(model, GIVENS, max_length, 20, num_best=2):
        assert [each.is_cut for each in best] == [is_cut, is_cut]
        assert best[0].score >= best[1].score


def test_each_given_has_its_own_maximum_length(make_model):
    model = peaked(make_model)
    with torch.no_grad():
        model.output_bias[END] = -50.0
    found = search(model, GIVENS, [3, 1, 4, 1, 5], rules_of(LETTERS), 2, precision="float32")
    assert [len(best.ids) for (best,) in found] == [3, 1, 4, 1, 5]


def test_weights_of_nan_are_a_one_line_error(make_model):
    model = peaked(make_model)
    model.output_bias.data[3] = torch.nan
    with pytest.raises(CheckpointError, match="gives no likelihoods"):
        find(model, GIVENS, 5, 2)


def test_no_givens_have_no_texts(make_model):
    assert find(peaked(make_model), [], 5, 2) == []
