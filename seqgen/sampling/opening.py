"""The text before a sample if training has shown too few beginnings of documents.

With few long documents, most streams of training begin inside a document, and the start token only means that nothing
is known yet (see `training/stream_batches.py`): a sample after the start token alone would begin inside a word. The
same is true while few documents have begun. Therefore a line break is read first, or a blank line if the model expects
blank lines, so that the sample begins like a line or a paragraph. In text without line breaks a space is read.
"""

from collections.abc import Sequence

import torch

from seqgen.levels.base import TextLevel
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.generator import prefill

ENOUGH_BEGINNINGS = 1000  # when 79 documents had begun 2.4 times each, samples still began inside words
_BLANK_LINES = 0.02  # text has paragraphs if a blank line follows a line break with at least this probability


def opening_of(model: LanguageModel, level: TextLevel, unseen_ids: Sequence[int]) -> str:
    """Return the text to read before a sample, which is not part of it: one or two line breaks, a space or nothing.

    Args:
        model: the language model.
        level: its vocabulary.
        unseen_ids: ids that were never a target in training.
    """
    for text in ("\n", " "):
        ids = level.encode(text).tolist()
        if len(ids) == 1 and ids[0] not in unseen_ids:
            has_paragraphs = text == "\n" and _newline_probability(model, level, ids) >= _BLANK_LINES
            return "\n\n" if has_paragraphs else text
    return ""


@torch.inference_mode()
def _newline_probability(model: LanguageModel, level: TextLevel, ids: Sequence[int]) -> float:
    newlines = [token for token, digits in enumerate(level.hexadecimal) if digits.startswith("0a")]
    return float(prefill(model, [level.START, *ids]).logits[0].softmax(-1)[newlines].sum())
