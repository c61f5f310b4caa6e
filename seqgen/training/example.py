"""Examples of what a conditional model writes while it trains."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.encoders.base import SignalCoding
from seqgen.evaluation.same_output import SameOutput
from seqgen.evaluation.transcription import Transcript
from seqgen.levels.base import TextLevel
from seqgen.model.language_model import LanguageModel
from seqgen.sampling.transcriber import Transcriber

_NUM_WRITTEN = 16  # pairs of the validation set, of which one is shown
_MAX_LENGTH = 200  # tokens


@dataclass(frozen=True)
class Example:
    """A pair of the validation set, and what the model writes for it.

    Attributes:
        given: what the text is given.
        reference: the text.
        output: what the model writes.
        warning: that many givens get the same output; empty if they do not.
    """

    given: str
    reference: str
    output: str
    warning: str = ""

    @classmethod
    def of(cls, model: LanguageModel, corpus: PreparedCorpus, unseen_ids: Sequence[int], step: int) -> Self:
        """Write some pairs of the validation set, and return one of them, each step another one."""
        valid, given_coding = corpus.valid, corpus.given_coding
        assert valid.given is not None and isinstance(given_coding, TextLevel | SignalCoding)  # noqa: S101, PT018  # pairs
        assert isinstance(corpus.level, TextLevel)  # noqa: S101  # as above
        count = min(_NUM_WRITTEN, valid.num_documents)
        first = step % max(1, valid.num_documents // count)
        places = first + np.arange(count) * (valid.num_documents // count)
        givens = [valid.given.document(place) for place in places.tolist()]
        # Greedy and short, because a model that has learned little does not end its texts.
        length = min(_MAX_LENGTH, 2 * int(np.diff(valid.offsets)[places].max()))
        writer = Transcriber(model, corpus.level, given_coding, unseen_ids)
        outputs = [best[0].text if best else "" for best in writer.best_of_rows(givens, beam_size=1, length=length)]
        transcripts = [
            Transcript(given_coding.shown(given), (corpus.level.decode(valid.document(place)),), output)
            for given, output, place in zip(givens, outputs, places.tolist(), strict=True)
        ]
        same_output = SameOutput.of(transcripts)
        shown = transcripts[step % count]
        warnings = same_output.notes if same_output is not None else []
        return cls(shown.given, shown.references[0], shown.written, "; ".join(warnings))

    def to_json(self) -> dict[str, Any]:
        """Return the texts as plain JSON values."""
        texts = {"given": self.given, "reference": self.reference, "output": self.output}
        return texts | ({"warning": self.warning} if self.warning else {})


def short_given(corpus: PreparedCorpus) -> str:
    """Return a short given of the validation set of pairs, as `--given` takes it."""
    if not isinstance(corpus.given_coding, TextLevel):
        return "@FILE"
    assert corpus.valid.given is not None  # noqa: S101  # these are pairs
    lengths = np.diff(corpus.valid.given.offsets[:_NUM_WRITTEN])
    text = corpus.given_coding.decode(corpus.valid.given.document(int(lengths.argmin())))
    return f"@{text}" if text.startswith("@") else text
