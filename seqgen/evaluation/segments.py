"""Segments of documents, which are read in parallel."""

from dataclasses import dataclass

import numpy as np

from seqgen.corpus.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Segment:
    """Targets `begin + 1` to `begin + length` of a dataset's ids.

    Attributes:
        continues: whether it continues the segment before it in the list.
        is_continued: whether the segment after it in the list continues it.
    """

    begin: int
    length: int
    continues: bool = False
    is_continued: bool = False


def segments(dataset: Dataset, documents: range, size: int, max_tokens: int | None = None) -> list[Segment]:
    """Return segments of at most `size` targets; evenly spaced ones if there are more than `max_tokens` targets."""
    begins = dataset.offsets[documents.start : documents.stop : documents.step]
    lengths = dataset.offsets[documents.start + 1 : documents.stop + 1 : documents.step] - 1 - begins
    ends = np.cumsum(-(-lengths // size))  # counted in segments
    share = min(1.0, max_tokens / int(lengths.sum())) if max_tokens else 1.0
    chosen = np.unique(np.linspace(0, ends[-1] - 1, max(1, round(share * int(ends[-1])))).round().astype(np.int64))
    document = np.searchsorted(ends, chosen, side="right")
    offset = (chosen - np.concatenate([[0], ends])[document]) * size
    return [
        Segment(begin + start, min(size, length - start), continues=start > 0, is_continued=start + size < length)
        for begin, start, length in zip(
            begins[document].tolist(), offset.tolist(), lengths[document].tolist(), strict=True
        )
    ]
