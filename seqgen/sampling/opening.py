"""What stands before a sample where training has hardly shown how documents begin.

Where there are few long documents, most streams of training begin inside one, and the start token only says that
nothing is known yet (see `corpus/batches.py`): after it alone a sample would begin inside a word. The same holds as
long as few documents have begun. So a line break is read first, or a blank line where the model expects some, and the
sample begins where a line or a paragraph does. In text without line breaks it is a space.
"""

from collections.abc import Sequence

import torch

from seqgen.levels.base import TextLevel
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.generator import prefill

ENOUGH_BEGINNINGS = 1000  # of documents: after 79 had begun 2.4 times each, samples still began inside words
_BLANK_LINES = 0.02  # the probability of one after a line break, above which a text has paragraphs


def opening_of(model: LanguageModel, level: TextLevel, unseen: Sequence[int]) -> str:
    """Return the text that a sample comes after, without being part of it: a line break, two, a space or nothing.

    Args:
        model: the language model.
        level: its vocabulary.
        unseen: ids that were never a target.
    """
    for text in ("\n", " "):
        ids = level.encode(text).tolist()
        if len(ids) == 1 and ids[0] not in unseen:
            has_paragraphs = text == "\n" and _chance_of_newline(model, level, ids) >= _BLANK_LINES
            return "\n\n" if has_paragraphs else text
    return ""


@torch.inference_mode()
def _chance_of_newline(model: LanguageModel, level: TextLevel, ids: Sequence[int]) -> float:
    newlines = [token for token, digits in enumerate(level.hexadecimal) if digits.startswith("0a")]
    return float(prefill(model, [level.START, *ids]).logits[0].softmax(-1)[newlines].sum())
