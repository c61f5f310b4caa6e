"""The language model: embedding -> recurrent layers -> logits, and an encoder if texts are given something."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqgen.cells.base import State, draw_uniform
from seqgen.config import ModelConfig
from seqgen.encoders.base import FrontEnd
from seqgen.model.attention import Attention, Memory
from seqgen.model.encoder import Bridge, Encoder, Given
from seqgen.model.factors import sum_of_embeddings
from seqgen.model.softmax import adaptive_cross_entropy, adaptive_logits, cross_entropy
from seqgen.model.stack import Stack, drop
from seqgen.noise import Noise


class LanguageModel(nn.Module):
    """The probability of every next token, given all previous tokens and, in a conditional model, another text.

    Args:
        config: the resolved model options.
        vocabulary_size: the number of token ids.
        front_end: reads what texts are given, if the options have encoder layers.
        num_factors: the number of ids of factors, which follow those of the tokens. A factor is a further id that is
            read with a token. Its embedding is added to that of the token (Sennrich & Haddow 2016 concatenate them),
            and another one to the output of the highest layer, as a log-linear model beside the recurrent one.
    """

    def __init__(
        self, config: ModelConfig, vocabulary_size: int, front_end: FrontEnd | None = None, num_factors: int = 0
    ) -> None:
        super().__init__()
        self.config = config
        self.vocabulary_size = vocabulary_size
        self.embedding = nn.Parameter(torch.empty(vocabulary_size, config.embedding_size))
        if num_factors:
            self.factor_embedding = nn.Parameter(torch.empty(num_factors, config.embedding_size))
            self.factor_output = nn.Parameter(torch.empty(num_factors, config.output_size))
        self.num_factors = num_factors
        self.stack = Stack(config)
        if front_end is not None:
            self.encoder = Encoder(config, front_end)
            self.bridge = Bridge(self.encoder.memory_size, self.stack.initial_state(1)[: config.num_layers])
        if self.has_attention:
            self.attention = Attention(config.output_size, self.encoder.memory_size)
        if not config.tie_weights:
            self.output_weight = nn.Parameter(torch.empty(vocabulary_size, config.output_size))
        self.output_bias = nn.Parameter(torch.empty(vocabulary_size))
        self.cutoff = config.softmax_cutoff or 0
        if self.cutoff:
            self.rare_weight = nn.Parameter(torch.empty(1, config.output_size))
            self.rare_bias = nn.Parameter(torch.empty(1))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator, counts: Tensor) -> None:
        """Draw the initial weights, and set the output bias to the log frequencies of the tokens.

        The initial loss is then that of predicting by frequency, and tokens that never occur are unlikely from the
        start.

        Args:
            generator: the source of randomness.
            counts: how often each token is a target, shape (vocabulary_size,).
        """
        self.stack.initialise(generator)
        if self.config.tie_weights:
            self.embedding.normal_(std=self.config.embedding_size**-0.5, generator=generator)
        else:
            self.embedding.normal_(generator=generator)
            draw_uniform(self.output_weight, generator)
        if self.num_factors:  # a token has about thirty factors, whose sum would hide its own embedding
            self.factor_embedding.zero_()
            self.factor_output.zero_()
        if self.config.encoder_layers:
            self.encoder.initialise(generator)
            self.bridge.initialise(generator)
        if self.has_attention:
            self.attention.initialise(generator)
        counts = counts + 1.0
        self.output_bias.copy_(counts.log() - counts.sum().log())
        if self.cutoff:
            self.rare_weight.zero_()
            self.rare_bias.copy_(self.output_bias[self.cutoff :].logsumexp(0))

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.embedding.device

    @property
    def has_attention(self) -> bool:
        """Whether the text attends to what is given."""
        return self.config.encoder_layers > 0 and self.config.alignment not in ("none", "ctc")

    @property
    def input_matrix(self) -> Tensor:
        """The embeddings of all ids that are read, shape (vocabulary_size + num_factors, embedding_size)."""
        return torch.cat([self.embedding, self.factor_embedding]) if self.num_factors else self.embedding

    @property
    def output_matrix(self) -> Tensor:
        """The matrix that maps the highest layer's output to logits, shape (vocabulary_size, output_size)."""
        return self.embedding if self.config.tie_weights else self.output_weight

    @property
    def num_parameters(self) -> int:
        """The number of trainable parameters."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def parameters_by_layer(self) -> dict[str, int]:
        """The number of trainable parameters of each part of the model."""
        counts = {"embedding": self.embedding.numel()}
        if self.num_factors:
            counts["factors"] = self.factor_embedding.numel() + self.factor_output.numel()
        for number, cell in enumerate(self.stack.cells, start=1):
            counts[f"layer {number} ({self.config.cell})"] = sum(part.numel() for part in cell.parameters())
        if self.config.layer_norm:
            counts["layer norms"] = sum(part.numel() for part in self.stack.norms.parameters())
        if self.stack.past is not None:
            counts["attention to the past"] = sum(part.numel() for part in self.stack.past.parameters())
        if self.config.encoder_layers:
            counts["encoder"] = sum(part.numel() for part in self.encoder.parameters())
            counts["bridge"] = sum(part.numel() for part in self.bridge.parameters())
        if self.has_attention:
            counts["attention"] = sum(part.numel() for part in self.attention.parameters())
        return counts | {"output": self.num_parameters - sum(counts.values())}

    def initial_state(self, batch_size: int) -> list[State]:
        """Return the state at the beginning of `batch_size` documents."""
        return self.stack.initial_state(batch_size)

    def encode(
        self, given: Given, dtype: torch.dtype = torch.float32, noise: Noise | None = None
    ) -> tuple[list[State], Memory]:
        """Read what texts are given; return the state at their beginning, and what they attend to."""
        outputs, last, lengths = self.encoder(given, dtype, noise)
        zeros, num_layers = self.initial_state(len(lengths)), self.config.num_layers
        return [*self.bridge(last, zeros[:num_layers]), *zeros[num_layers:]], Memory.of(outputs, lengths)

    def attention_weights(self, ids: Tensor, given: Given) -> Tensor:
        """Return how much each step of one text attends to each position of what it is given.

        Args:
            ids: token ids from the start token, shape (time, 1).
            given: what the text is given.

        Returns:
            Shape (1, time, positions); each row has the sum 1.
        """
        state, memory = self.encode(given)
        found: list[Tensor] = []

        def attend(hidden: Tensor) -> Tensor:
            found.append(self.attention.weights(hidden, memory, torch.float32))
            attended: Tensor = self.attention(hidden, memory, torch.float32)
            return attended

        self.stack(F.embedding(ids, self.embedding), state, torch.float32, None, None, attend)
        return found[0]

    def forward(
        self,
        ids: Tensor,
        state: list[State],
        dtype: torch.dtype = torch.float32,
        noise: Noise | None = None,
        memory: Memory | None = None,
    ) -> tuple[Tensor, list[State]]:
        """Return the logits of the next tokens and the state after the last step.

        Args:
            ids: token ids, shape (time, batch), or tokens with their factors, shape (time, batch, 1 + factors).
            state: the state before the first step.
            dtype: the precision of the matrix products; logits and state are always in float32.
            noise: draws dropout masks and the changes of augmentation; None for neither.
            memory: what a conditional model attends to.

        Returns:
            Logits of shape (time, batch, vocabulary_size), and the state.
        """
        hidden, state = self.hidden(ids, state, dtype, noise, memory)
        return self.logits(hidden, dtype), state

    def hidden(
        self,
        ids: Tensor,
        state: list[State],
        dtype: torch.dtype = torch.float32,
        noise: Noise | None = None,
        memory: Memory | None = None,
    ) -> tuple[Tensor, list[State]]:
        """Return the highest layer's output, shape (time, batch, output_size), and the last state; see `forward`."""
        rate = self.config.embedding_dropout if noise is not None else 0.0
        rows = None
        if self.num_factors:
            inputs = drop(sum_of_embeddings(ids, self.input_matrix), rate, noise)
        elif rate:
            inputs = drop(F.embedding(ids, self.embedding), rate, noise)
        else:
            inputs, rows = self.embedding, ids
        attend = None
        if self.has_attention and memory is not None:
            attend = partial(self.attention, memory=memory, dtype=dtype)
        hidden, state = self.stack(inputs, state, dtype, noise, rows, attend)
        return self.with_factors(hidden, ids), state

    def with_factors(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """Return the highest layer's output with the influence of the factors.

        Args:
            hidden: its output, shape (..., output_size).
            ids: tokens with their factors, shape (..., 1 + factors); without factors they have no influence.
        """
        if not self.num_factors:
            return hidden
        return hidden + sum_of_embeddings(ids[..., 1:] - self.vocabulary_size, self.factor_output)

    def logits(self, hidden: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the logits of the highest layer's output, shape (time, batch, vocabulary_size)."""
        hidden = hidden.to(dtype)
        logits = F.linear(hidden, self.output_matrix.to(dtype)).to(self.output_bias) + self.output_bias
        if not self.cutoff:
            return logits
        rare_logit = F.linear(hidden, self.rare_weight.to(dtype)).to(self.rare_bias) + self.rare_bias
        return adaptive_logits(logits, rare_logit, self.cutoff)

    def loss(
        self, hidden: Tensor, targets: Tensor, dtype: torch.dtype = torch.float32, smoothing: float = 0.0
    ) -> Tensor:
        """Return the mean nats per target, padding excluded, given the highest layer's output.

        Args:
            hidden: shape (time, batch, output_size).
            targets: ids, shape (time, batch).
            dtype: the precision of the products.
            smoothing: of the labels whose loss the gradient lowers, see `cross_entropy`.
        """
        matrix, bias = self.output_matrix, self.output_bias
        if not self.cutoff:
            return cross_entropy(hidden, matrix, bias, targets, dtype, smoothing)
        return adaptive_cross_entropy(
            hidden, matrix, bias, self.rare_weight, self.rare_bias, targets, self.cutoff, dtype, smoothing
        )
