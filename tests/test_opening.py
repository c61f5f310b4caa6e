"""The text that is read before a sample."""

from itertools import islice

import pytest
import torch

from seqgen.levels.base import PADDING
from seqgen.levels.character import CharacterLevel
from seqgen.levels.word import WordLevel
from seqgen.sampling.opening import opening_of
from seqgen.training.stream_batches import StreamBatches


@pytest.mark.parametrize(("bias", "expected"), [(0.0, "\n\n"), (-30.0, "\n")])
def test_a_blank_line_is_read_first_if_the_model_expects_blank_lines(make_model, bias, expected):
    level = CharacterLevel("\nab ")
    model = make_model(level.vocabulary_size)
    with torch.no_grad():
        model.output_bias[level.encode("\n")[0]] += bias
    assert opening_of(model, level, [0, 1]) == expected


def test_a_space_or_nothing_is_read_first_without_line_breaks(make_model):
    level = CharacterLevel("ab ")
    assert opening_of(make_model(level.vocabulary_size), level, [0, 1]) == " "
    never_spaces = [0, int(level.encode(" ")[0])]
    assert opening_of(make_model(level.vocabulary_size), level, never_spaces) == ""
    indented = WordLevel("ab ", [" a"], is_tokenised=False, is_indented=True)
    assert opening_of(make_model(indented.vocabulary_size), indented, [0]) == ""  # a sample begins with a word anyway


@pytest.mark.parametrize(
    ("texts", "expected"),
    [(["a" * 100], True), (["a" * 100, "b"], True), (["a" * 8, "b" * 7], False), (["a" * 100] * 4, False)],
)
def test_the_start_token_occurs_inside_documents_if_few_are_long(make_dataset, texts, expected):
    """`starts_inside` is true if a batch has the start token anywhere but at the beginning of a document."""
    level = CharacterLevel("ab")
    dataset = make_dataset(*texts, level=level)
    batches = StreamBatches(dataset, batch_size=4, sequence_length=10, seed=1)
    assert batches.starts_inside == expected
    steps = list(islice(batches.from_step(0), batches.steps_per_epoch))
    first = [batch.inputs[0][batch.is_fresh & (batch.targets[0] != PADDING)] for batch in steps]
    num_starts = sum(int((ids == level.START).sum()) for ids in first)
    assert (num_starts > len(texts)) == expected


@pytest.mark.parametrize(
    ("texts", "num_epochs", "expected"),
    [
        (["a" * 8] * 50, 0, True),  # every chunk begins a document
        (["a" * 100] * 50, 19.9, False),
        (["a" * 100] * 50, 20.1, True),  # 50 beginnings per epoch, 1,000 are enough
        (["a" * 100] * 3, 1000, False),  # streams begin inside documents
    ],
)
def test_short_documents_or_a_thousand_beginnings_teach_how_documents_begin(make_dataset, texts, num_epochs, expected):
    dataset = make_dataset(*texts, level=CharacterLevel("ab"))
    batches = StreamBatches(dataset, batch_size=4, sequence_length=10, seed=1)
    assert batches.show_beginnings(round(num_epochs * dataset.num_targets)) == expected
