"""The surprisal and the states of a text, compared with a model that is run step by step and with `evaluate`."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from seqgen.checkpoint import Checkpoint
from seqgen.config import CorpusConfig
from seqgen.corpus.dataset import encoded
from seqgen.corpus.documents import Passage
from seqgen.errors import UsageError
from seqgen.evaluation import inspection as inspection_module
from seqgen.evaluation.inspection import Inspection, Reading, documents_of
from seqgen.evaluation.likelihood import surprisals
from seqgen.levels import level_class
from seqgen.levels.character import CharacterLevel
from seqgen.levels.note import NoteLevel
from tests.conftest import RHYME, resolved
from tests.scores import melody


@pytest.fixture
def checkpoint_of(make_model):
    """Return a function that makes the checkpoint of an untrained model, and the model."""

    def make(level, generator=None, attention=0, **options):
        model = make_model(level.vocabulary_size, num_factors=level.num_factors, num_layers=2, attention=attention)
        if generator is not None:  # more than the initial weights, so that tokens differ
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
        config = CorpusConfig(corpus=("gone.txt",), level=level.name, **options)
        config = resolved(model.config, config)
        return Checkpoint(config, config, level, [], True, "0", {}, model.state_dict()), model

    return make


def characters(text=RHYME):
    return CharacterLevel.fit([[text]], CorpusConfig())


def stepwise(model, level, ids):
    """Return the log-probabilities of all next tokens and the states of the layers after each token, one at a time."""
    state, found, states = model.initial_state(1), [], []
    read = torch.from_numpy(level.inputs(ids).astype(np.int64))
    with torch.no_grad():
        for row in read:
            logits, state = model(row[None, None], state)
            found.append(logits[0, 0].log_softmax(-1))
            states.append(state)
    return torch.stack(found), states


@pytest.mark.parametrize("is_ended", [False, True])
@pytest.mark.parametrize("attention", [0, 7])
def test_surprisal_and_states_are_those_of_the_model_step_by_step(checkpoint_of, generator, is_ended, attention):
    level = characters()
    _, model = checkpoint_of(level, generator, attention)
    ids = np.array([level.START, *level.encode(RHYME[:40]), *([level.END] if is_ended else [])])
    reading = Reading.of(model, level, ids)
    read = ids[:-1] if is_ended else ids
    expected, states = stepwise(model, level, read)
    targets = torch.from_numpy(ids[1:])
    own = -expected[: len(targets)].gather(1, targets[:, None])[:, 0]
    np.testing.assert_allclose(reading.surprisal, own, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(reading.log_probabilities(3, 7), expected[3:7], rtol=1e-4, atol=1e-5)
    assert len(reading.output) == len(read)
    for index, layer in enumerate(reading.layers):
        for name in ("hidden", "cell"):
            whole = torch.cat([state[index].tensors[name] for state in states])
            np.testing.assert_allclose(layer[name], whole, rtol=1e-4, atol=1e-5)


def test_the_surprisal_is_that_of_evaluate(checkpoint_of, generator):
    level = characters()
    checkpoint, model = checkpoint_of(level, generator, document="line")
    found = Inspection.of(checkpoint, model, RHYME, 1000, 3)
    lines = RHYME.splitlines()
    with encoded(level, [Passage("text", line, "\n") for line in lines]) as dataset:
        nats = surprisals(model, dataset)
        expected = np.concatenate([nats[a + 1 : b] for a, b in zip(dataset.offsets, dataset.offsets[1:], strict=False)])
    np.testing.assert_allclose(found.surprisal, expected, rtol=1e-4, atol=1e-5)
    assert found.begins == np.cumsum([0, *(len(line) + 1 for line in lines[:-1])]).tolist()
    assert found.num_tokens == len(found.ids) == len(RHYME)
    assert "".join(found.texts) == RHYME.replace("\n", "")


def test_the_end_of_a_document_is_scored_where_the_text_has_it(checkpoint_of):
    level = characters()
    lines, _ = checkpoint_of(level, document="line")
    whole, _ = checkpoint_of(level)
    assert [ids[-1] == level.END for ids in documents_of(lines, "Up\n\nabove ")] == [True, False]
    (ids,) = documents_of(whole, "Up\nabove\n")
    assert level.decode(ids[1:]) == "Up\nabove\n"
    assert ids[-1] != level.END


def test_the_states_shown_at_a_token_are_those_after_reading_it(checkpoint_of, generator):
    level = characters()
    checkpoint, model = checkpoint_of(level, generator, document="line")
    found = Inspection.of(checkpoint, model, "Up\nabove\n", 1000, 3)
    first = Reading.of(model, level, np.array([level.START, *level.encode("Up")]))
    cell = found.layers[1]["cell"]
    np.testing.assert_allclose(cell[:2], first.layers[1]["cell"][1:], rtol=1e-5)
    np.testing.assert_array_equal(cell[2], cell[1])  # END is not read
    assert cell.shape == (len("Up\nabove\n"), 16)


def test_alternatives_are_the_most_likely_tokens(checkpoint_of, generator, monkeypatch):
    level = characters()
    checkpoint, model = checkpoint_of(level, generator)
    expected, _ = stepwise(model, level, np.array([level.START, *level.encode(RHYME)]))
    monkeypatch.setattr(inspection_module, "_MAX_LOGITS", 10 * level.vocabulary_size)  # several parts
    found = Inspection.of(checkpoint, model, RHYME, 1000, 4)
    order = np.argsort(-expected.numpy()[:-1], axis=1, kind="stable")[:, :4]
    np.testing.assert_array_equal(found.best, order)
    np.testing.assert_allclose(
        found.probabilities, np.take_along_axis(expected.exp().numpy()[:-1], order, 1), rtol=1e-3
    )


@pytest.mark.parametrize("attention", [3, 20])
def test_attention_is_that_of_the_step_that_predicts_a_token(checkpoint_of, generator, attention):
    level = characters()
    checkpoint, model = checkpoint_of(level, generator, attention, document="line")
    text = "Up above the world so high\nLike\n"
    found = Inspection.of(checkpoint, model, text, 1000, 3)
    past, rows = model.stack.past, []
    for line in text.splitlines():
        _, states = stepwise(model, level, np.array([level.START, *level.encode(line)]))
        hidden = torch.cat([state[0].tensors["hidden"] for state in states])
        for step in range(len(hidden)):  # step 0 reads START
            seen = hidden[max(0, step - attention) : step + 1].flip(0)
            memory, query = seen @ past.memory_weight.t(), past.attention.query_weight @ hidden[step]
            scores = memory @ query / len(query) ** 0.5 + past.distance_bias[: len(seen)]
            rows.append(torch.nn.functional.pad(scores.softmax(0).detach(), (0, attention + 1 - len(seen))))
    expected, order = torch.stack(rows).sort(descending=True, stable=True)
    count = min(8, attention + 1)
    assert found.attended.weights.shape == (len(text), count)
    np.testing.assert_allclose(found.attended.weights, expected[:, :count], rtol=1e-3, atol=1e-6)
    is_seen = found.attended.weights > 0
    np.testing.assert_array_equal(found.attended.distances[is_seen], 1 + order[:, :count][is_seen])


def test_a_model_without_attention_to_the_past_attends_to_nothing(checkpoint_of):
    assert Inspection.of(*checkpoint_of(characters()), RHYME, 1000, 3).attended is None


def test_only_the_first_tokens_are_read(checkpoint_of):
    level = characters()
    checkpoint, model = checkpoint_of(level, document="line")
    whole, part = (Inspection.of(checkpoint, model, RHYME, size, 3) for size in (1000, 40))
    assert (len(part.ids), part.num_tokens) == (40, len(RHYME))
    assert part.begins == whole.begins[:2]
    np.testing.assert_allclose(part.surprisal, whole.surprisal[:40], rtol=1e-4)


@pytest.mark.parametrize("name", ["character", "decomposed", "subword", "word"])
def test_tokens_of_every_level_have_a_label_and_spell_the_text(checkpoint_of, name):
    text = "Some text is é here.\nAnd (some) here.\n"
    level = level_class(name).fit([[text.replace("é", "e") * 50]], CorpusConfig(level=name))
    found = Inspection.of(*checkpoint_of(level), text, 1000, 3)
    assert "".join(found.texts) == level.laid_out(text) or "".join(found.texts) == text
    assert all(found.label(token) for token in range(level.vocabulary_size))
    assert (found.label(0), found.label(1), found.label(2)) == (
        "START",
        "END",
        "<0>" if name != "subword" else found.label(2),
    )


def test_music_is_read_with_its_end_unless_it_is_an_excerpt(checkpoint_of):
    level = NoteLevel(12)
    checkpoint, model = checkpoint_of(level)
    found = Inspection.of(checkpoint, model, melody(), 1000, 3)
    assert (found.ids[-1], found.texts[0], found.label(int(found.ids[-1]))) == (level.END, "KEY 0", "END")
    assert documents_of(checkpoint, replace(melody(), is_excerpt=True))[0][-1] != level.END


@pytest.mark.parametrize(
    ("level", "text", "message"),
    [
        (characters(), "", "--text must not be empty"),
        (characters(), melody(), "this model is for text"),
        (NoteLevel(12), "text", "this model is for music"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(checkpoint_of, level, text, message):
    checkpoint, _ = checkpoint_of(level)
    with pytest.raises(UsageError, match=message):
        documents_of(checkpoint, text)


def test_a_conditional_model_is_refused_with_the_picture_that_exists(checkpoint_of):
    checkpoint, _ = checkpoint_of(characters())
    with pytest.raises(UsageError, match="trained with --given: --given TEXT shows what it attends to"):
        documents_of(replace(checkpoint, given_coding=checkpoint.level), "text")
