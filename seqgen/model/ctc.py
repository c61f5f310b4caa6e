"""Connectionist temporal classification: the encoder's outputs are the text, with blanks between its tokens.

Each output is a token or a blank. A text is what remains of a sequence of outputs after equal neighbours are merged and
blanks are removed; its probability is the sum over all such sequences (Graves, Fernández, Gomez & Schmidhuber 2006).
"""

from collections.abc import Iterable
from itertools import groupby

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqgen.cells.base import State, draw_uniform
from seqgen.config import ModelConfig
from seqgen.encoders.base import FrontEnd
from seqgen.levels.base import Level
from seqgen.model.encoder import Encoder, Given
from seqgen.model.language_model import LanguageModel
from seqgen.noise import Noise

BLANK = Level.START  # which is never part of a text
_UNLIKELY = -10.0  # initial bias


class CtcModel(LanguageModel):
    """The probability of a text given a sequence of vectors, without a decoder.

    Args:
        config: the resolved model options.
        vocabulary_size: the number of token ids; the start token stands for the blank, the end token has no output.
        front_end: reads what texts are given.
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int, front_end: FrontEnd) -> None:
        nn.Module.__init__(self)
        self.config = config
        self.vocabulary_size = vocabulary_size
        self.encoder = Encoder(config, front_end)
        self.output_weight = nn.Parameter(torch.empty(vocabulary_size, self.encoder.memory_size))
        self.output_bias = nn.Parameter(torch.empty(vocabulary_size))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, counts: Tensor) -> None:
        """Draw the initial weights; tokens that never occur are unlikely from the start."""
        self.encoder.initialise(generator)
        draw_uniform(self.output_weight, generator)
        self.output_bias.zero_()
        self.output_bias[counts == 0] = _UNLIKELY
        self.output_bias[Level.END] = _UNLIKELY
        self.output_bias[BLANK] = 0

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.output_bias.device

    @property
    def parameters_by_layer(self) -> dict[str, int]:
        """The number of trainable parameters of each part of the model."""
        encoder = sum(part.numel() for part in self.encoder.parameters())
        return {"encoder": encoder, "output": self.num_parameters - encoder}

    def initial_state(self, batch_size: int) -> list[State]:  # noqa: ARG002  # as in a model with a decoder
        """Return no state: there is no decoder."""
        return []

    def log_probabilities(
        self, given: Given, dtype: torch.dtype = torch.float32, noise: Noise | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the log-probability of each token and of the blank at each output.

        Args:
            given: what the texts are given.
            dtype: the precision of the matrix products.
            noise: draws dropout masks and the changes of augmentation; None for neither.

        Returns:
            Shape (outputs, batch, vocabulary_size), in float32, and the number of outputs of each text, shape (batch,).
        """
        outputs, _, lengths = self.encoder(given, dtype, noise)
        logits = F.linear(outputs.to(dtype), self.output_weight.to(dtype)).to(self.output_bias) + self.output_bias
        return F.log_softmax(logits, -1), lengths

    def nats(
        self, given: Given, targets: Tensor, dtype: torch.dtype = torch.float32, noise: Noise | None = None
    ) -> Tensor:
        """Return the negative log-probability of each text, see `text_nats`.

        Args:
            given: what the texts are given.
            targets: ids, shape (time, batch), each text followed by its end token and then by padding.
            dtype: the precision of the matrix products.
            noise: draws dropout masks and the changes of augmentation; None for neither.
        """
        return text_nats(*self.log_probabilities(given, dtype, noise), targets)


def collapsed(outputs: Iterable[int]) -> list[int]:
    """Return the tokens that a sequence of outputs stands for: equal neighbours are merged, then blanks are removed."""
    return [token for token, _ in groupby(outputs) if token != BLANK]


def forbid(log_probabilities: Tensor, forbidden: Iterable[int]) -> None:
    """Exclude the end token and forbidden tokens, but not the blank, from outputs, which are changed in place."""
    log_probabilities[..., [Level.END, *(token for token in forbidden if token != BLANK)]] = -torch.inf


def text_nats(log_probabilities: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
    """Return the negative log-probability of each text, shape (batch,); infinite if it has too few outputs.

    Args:
        log_probabilities: of the outputs, shape (outputs, batch, vocabulary).
        lengths: the number of outputs of each text, shape (batch,).
        targets: ids, shape (time, batch), each text followed by its end token and then by padding.
    """
    is_text = targets > Level.END  # neither the end token nor padding
    texts = targets.where(is_text, torch.zeros_like(targets)).t()
    return F.ctc_loss(log_probabilities, texts, lengths, is_text.sum(0), blank=BLANK, reduction="none")


def make_model(
    config: ModelConfig, vocabulary_size: int, front_end: FrontEnd | None, num_factors: int = 0
) -> LanguageModel:
    """Return a model with these options, whose weights are not set.

    Args:
        config: the resolved model options.
        vocabulary_size: the number of token ids.
        front_end: reads what texts are given; None if they are given nothing.
        num_factors: the number of ids of factors.
    """
    if front_end is not None and config.alignment == "ctc":
        return CtcModel(config, vocabulary_size, front_end)
    return LanguageModel(config, vocabulary_size, front_end, num_factors)
