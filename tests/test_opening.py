"""Where a sample begins."""

from itertools import islice

import pytest
import torch

from seqgen.levels.base import PADDING
from seqgen.levels.character import CharacterLevel
from seqgen.levels.word import WordLevel
from seqgen.sampling.opening import opening_of
from seqgen.training.batches import Batches


@pytest.mark.parametrize(("bias", "expected"), [(0.0, "\n\n"), (-30.0, "\n")])
def test_a_blank_line_comes_first_where_the_model_expects_some(make_model, bias, expected):
    level = CharacterLevel("\nab ")
    model = make_model(level.vocabulary_size)
    with torch.no_grad():
        model.output_bias[level.encode("\n")[0]] += bias
    assert opening_of(model, level, [0, 1]) == expected


def test_without_line_breaks_a_space_comes_first_and_without_spaces_nothing(make_model):
    level = CharacterLevel("ab ")
    assert opening_of(make_model(level.vocabulary_size), level, [0, 1]) == " "
    never_spaces = [0, int(level.encode(" ")[0])]
    assert opening_of(make_model(level.vocabulary_size), level, never_spaces) == ""
    indented = WordLevel("ab ", [" a"], is_tokenised=False, is_indented=True)
    assert opening_of(make_model(indented.vocabulary_size), indented, [0]) == ""  # a word begins anyhow


@pytest.mark.parametrize(
    ("texts", "expected"),
    [(["a" * 100], True), (["a" * 100, "b"], True), (["a" * 8, "b" * 7], False), (["a" * 100] * 4, False)],
)
def test_the_start_token_stands_inside_documents_where_few_are_long(make_part, texts, expected):
    """It does exactly if some batch has it before what is not the beginning of a document."""
    level = CharacterLevel("ab")
    part = make_part(*texts, level=level)
    batches = Batches(part, batch_size=4, sequence_length=10, seed=1)
    assert batches.starts_inside == expected
    steps = list(islice(batches.from_step(0), batches.steps_per_epoch))
    first = [batch.inputs[0][batch.is_fresh & (batch.targets[0] != PADDING)] for batch in steps]
    num_starts = sum(int((ids == level.START).sum()) for ids in first)
    assert (num_starts > len(texts)) == expected
