"""The recipe for pairs: texts that are written from something given."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seqgen.config import ModelConfig, ModelOptions, OptimizationConfig, OptimizationOptions
from seqgen.corpus.prepared_corpus import PreparedCorpus
from seqgen.encoders.base import SignalCoding
from seqgen.errors import UsageError
from seqgen.options import flag
from seqgen.training.batches import SHARD_SIZE, Batches
from seqgen.training.pair_batches import PairBatches
from seqgen.training.sizes import FINE_TUNING
from seqgen.wording import counted

# Figures are the share of wrong words on the validation parts of pronunciations of four languages (3,600 pairs each),
# with one seed and 25 epochs, which is about 80 s on two cores, unless stated otherwise.

# Batch sizes, each with the largest number of training pairs for which it is used. 3,600 pairs: 28.2 and 28.8 % in two
# comparisons; a batch size of 32 gives 27.1 and 28.0 %, in 1.8 times the time. 164,000 sentences, in the time of 20
# minutes on two cores: BLEU 36.2 with 64, 37.0 with 128.
BATCH_SIZES = ((64, 50_000), (128, math.inf))
NUM_LAYERS = 2  # one below the attention and one above it
# With residual connections and layer norms 25.4 %, without 28.2 %; with tied weights, which need a large embedding,
# 24.8 %, otherwise 28.8 %.
LABEL_SMOOTHING = 0.1  # 28.2 %; with 0 29.1 %, with 0.2 28.4 %
LEARNING_RATE = 3e-3  # 28.2 %; with 6e-3 28.3 %, with 1.5e-3 31.7 %
WEIGHT_DECAY = 0.01
# Dropout per doubling of the epochs; a single epoch needs none. 25 epochs: with a dropout of 0.1, 0.2 and 0.33 the loss
# is 0.245, 0.237 and 0.219 nats, with 21.3, 21.7 and 21.6 % wrong; in an earlier comparison 0.3, 0.4 and 0.5 gave 26.6,
# 28.8 and 32.0 %. 3 epochs of 164,000 sentences: BLEU 37.6 with 0.1, 36.2 with 0.2.
# The embedding has no dropout, which is as good (10,000 forms of German and Arabic: 8.9 and 6.4 % wrong; with 0.1 9.2
# and 6.8 %) and faster, because products with one-hot vectors can replace a small embedding.
DROPOUT_PER_DOUBLING = 0.07
MAX_DROPOUT = 0.5
SIGNAL_BATCH_SIZE = 32
CTC_LAYERS = 2
# Share of the pairs with fewer outputs than ctc needs: above the first there is less subsampling if that helps at least
# half of them, above the second, which is a guess, attention is used. 2,498 lines of writing, 5 min: 92 % of the tokens
# wrong with attention, 72 % with ctc, which leaves out 1.4 % of the lines (1.1 % with half of the subsampling).
FEW_WITHOUT_ROOM, MANY_WITHOUT_ROOM = 0.01, 0.1
OUTLIER = 3  # times the length that 99 % of the pairs do not exceed
# Units, and the steps up to which they beat more units. 384 units in the same time: 30.5 % instead of 28.2 %. 10,000
# inflected forms of German, 10 epochs: 10.8 % wrong with 256 units, 9.3 % with 384.
SIZES = ((256, 3000), (384, 8000), (512, math.inf))
# Of signals, for which more units have not been measured alone.
SIGNAL_SIZES = ((256, 10_000), (384, math.inf))


class PairRecipe:
    """Choices for a corpus of pairs; see `recipe.py`.

    Args:
        corpus: the prepared corpus.
        options: of the model, as requested.

    Raises:
        UsageError: what is given cannot be read in this way.
    """

    def __init__(self, corpus: PreparedCorpus, options: ModelOptions) -> None:
        self._corpus = corpus
        assert corpus.given_coding is not None  # noqa: S101  # these are pairs
        coding = corpus.given_coding
        self._is_signal = isinstance(coding, SignalCoding)
        available = coding.subsamplings if isinstance(coding, SignalCoding) else (1,)
        if options.alignment == "ctc" and not available:
            raise UsageError("--alignment ctc needs what is given in the order of the text, which pictures are not")
        if options.subsampling is not None:
            _check_subsampling(options.subsampling, available or (1,))
        self._smallest, self._messages = min(available, default=1), list[str]()
        self._alignment, self._subsampling = self._choices(options, available)

    def _choices(self, options: ModelOptions, available: Sequence[int]) -> tuple[str, int]:
        """Return the alignment and the subsampling, one of those that are available, in descending order."""
        considered = available if options.subsampling is None else (options.subsampling,)
        if options.alignment == "ctc" or (options.alignment == "auto" and self._is_signal and available):
            subsampling, share = self._suitable_subsampling(considered)
            if options.alignment == "ctc" or share <= MANY_WITHOUT_ROOM:
                if subsampling < considered[0]:
                    self._messages.append(
                        f"more than {FEW_WITHOUT_ROOM:.0%} of the texts need more outputs: --subsampling {subsampling}"
                    )
                return "ctc", subsampling
            self._messages.append(f"{share:.0%} of the texts need more outputs than there are: --alignment attention")
        return "attention" if options.alignment == "auto" else options.alignment, next(iter(considered), 1)

    def _suitable_subsampling(self, subsamplings: Sequence[int]) -> tuple[int, float]:
        """Return one of several numbers, in descending order, and the share of the pairs without room for ctc."""
        chosen, *less = subsamplings
        share = self._share_without_room(chosen)
        for subsampling in less:
            reduced = self._share_without_room(subsampling)
            if share <= FEW_WITHOUT_ROOM or reduced > share / 2:
                break
            chosen, share = subsampling, reduced
        return chosen, share

    def _share_without_room(self, subsampling: int) -> float:
        train = self._corpus.train
        batches = PairBatches(train, 1, self._max_length, 0, subsampling=subsampling)
        return batches.num_without_room / max(1, train.num_documents)

    def batches(self, options: OptimizationOptions) -> tuple[Batches, list[str]]:
        """Return batches, and messages if pairs are left out."""
        dataset = self._corpus.train
        max_length = options.max_length or self._max_length
        batch_size = next(size for size, num_pairs in BATCH_SIZES if dataset.num_documents <= num_pairs)
        if self._is_signal:
            batch_size = SIGNAL_BATCH_SIZE
        subsampling = self._subsampling if self._alignment == "ctc" else 0
        batches = PairBatches(dataset, options.batch_size or batch_size, max_length, 0, subsampling=subsampling)
        if not batches.steps_per_epoch:
            remedies = []
            if batches.num_too_long:
                remedies.append(f"{batches.num_too_long:,} are longer than --max-length {max_length:,}")
            if batches.num_without_room:
                remedies.append(
                    f"{batches.num_without_room:,} have fewer outputs than their texts need ({self._remedy})"
                )
            raise UsageError(f"no pair can be learned from: {' and '.join(remedies)}")
        messages = [*self._messages]
        if batches.num_too_long:
            messages.append(
                f"{counted(batches.num_too_long, 'pair')} with more than {max_length:,} tokens on a side are left out "
                "of training (--max-length)"
            )
        if batches.num_without_room:
            messages.append(
                f"{counted(batches.num_without_room, 'pair')} with fewer outputs of the network than their text needs "
                f"are left out of training ({self._remedy})"
            )
        return batches, messages

    @property
    def _remedy(self) -> str:
        """The options with which pairs need fewer outputs than there are."""
        less = f"--subsampling {self._smallest} or " if self._subsampling > self._smallest else ""
        return f"{less}--alignment attention"

    @cached_property
    def _max_length(self) -> int:
        dataset, counts = self._corpus.train, np.zeros(1, dtype=np.int64)
        assert dataset.given is not None  # noqa: S101  # these are pairs
        for first in range(0, dataset.num_documents, SHARD_SIZE):
            some = slice(first, first + SHARD_SIZE + 1)
            longer = np.maximum(np.diff(dataset.offsets[some]), np.diff(dataset.given.offsets[some]))
            counts = _added(counts, np.bincount(longer))
        most = np.searchsorted(np.cumsum(counts), 0.99 * dataset.num_documents)
        return min(len(counts) - 1, OUTLIER * int(most))

    def model(self, options: ModelOptions, num_steps: Callable[[ModelConfig], float]) -> tuple[ModelConfig, float]:
        """Return the sizes of the network, and the number of steps that the budget allows for it.

        Raises:
            UsageError: an option of the decoder is given, but the model has no decoder.
        """
        if self._alignment == "ctc":
            _refuse_decoder(options)
        for hidden_size, max_steps in SIGNAL_SIZES if self._is_signal else SIZES:
            model = _with_size(replace(options, subsampling=self._subsampling), hidden_size, self._alignment)
            steps = num_steps(model)
            if steps <= max_steps or options.hidden_size is not None:
                break
        return model, steps

    def with_dropout(
        self, model: ModelConfig, options: ModelOptions, epochs: float, num_parameters: float
    ) -> ModelConfig:
        """Return the model options with all dropout rates."""
        del num_parameters
        dropout = DROPOUT_PER_DOUBLING * math.log2(max(1.0, epochs))
        if options.dropout is None:
            model = replace(model, dropout=round(min(MAX_DROPOUT, dropout), 2))
        return model

    def optimization(self, options: OptimizationOptions, model: ModelConfig, batches: Batches) -> OptimizationConfig:
        """Return the optimization options for a model and batches.

        Raises:
            UsageError: labels are to be smoothed, but there is no decoder.
        """
        if model.alignment == "ctc" and options.label_smoothing:
            raise UsageError(
                f"--label-smoothing {options.label_smoothing:g} needs a decoder, which --alignment ctc does not have: "
                "omit it, or use --alignment attention"
            )
        assert isinstance(batches, PairBatches)  # noqa: S101  # of this recipe
        tuning = 1.0 if model.from_ is None else FINE_TUNING
        return options.completed(
            OptimizationConfig,
            max_length=batches.max_length,
            learning_rate=LEARNING_RATE * tuning,
            weight_decay=WEIGHT_DECAY,
            label_smoothing=0.0 if model.alignment == "ctc" else LABEL_SMOOTHING,
        )


def _check_subsampling(requested: int, available: Sequence[int]) -> None:
    """Check that the subsampling that the user requested is available.

    Raises:
        UsageError: it is not.
    """
    if requested not in available and len(available) == 1:
        raise UsageError(f"--subsampling {requested} is for lines of writing, recordings and strokes: omit it")
    if requested not in available:
        raise UsageError(f"--subsampling must be {', '.join(map(str, available[:-1]))} or 1 here, got {requested}")


def _refuse_decoder(options: ModelOptions) -> None:
    """Reject options of a decoder, with values other than those that a run without one has."""
    for name, usual in {"num_layers": NUM_LAYERS, "tie_weights": False, "softmax_cutoff": 0, "attention": 0}.items():
        value = getattr(options, name)
        if value not in (None, usual):
            shown = "" if isinstance(value, bool) else f" {value}"
            raise UsageError(
                f"{flag(name)}{shown} is for the decoder, which --alignment ctc does not have: omit it "
                "(--encoder-layers sets the depth), or use --alignment attention"
            )


def _with_size(options: ModelOptions, hidden_size: int, alignment: str) -> ModelConfig:
    """Return the model options with all that depend on the number of units."""
    is_ctc = alignment == "ctc"
    is_tied = not is_ctc and options.embedding_size in (None, options.output_size)
    hidden_size = options.hidden_size or hidden_size
    model = options.completed(
        ModelConfig,
        num_layers=NUM_LAYERS,
        hidden_size=hidden_size,
        embedding_size=options.projection_size or hidden_size,
        tie_weights=is_tied,
        softmax_cutoff=0,
        attention=0,
        residual=True,
        layer_norm=True,
        encoder_layers=CTC_LAYERS if is_ctc else 1,
    )
    return replace(model, alignment=alignment)


def _added(counts: NDArray[np.int64], more: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of two arrays of counts, the shorter of which is continued by zeros."""
    longer, shorter = sorted((counts, more), key=len, reverse=True)
    return longer + np.pad(shorter, (0, len(longer) - len(shorter)))
