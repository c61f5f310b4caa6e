"""The network."""

from dataclasses import dataclass
from typing import Any

from seqgen import registry
from seqgen.config.bounds import COUNT, DROP, ENCODER_LAYERS, LAYERS, NOT_NEGATIVE, UNITS
from seqgen.errors import UsageError
from seqgen.options import Options, chosen, option, resolved

INITIAL_WEIGHTS = ("orthogonal", "small")
# Of `ModelConfig`: what comes with the weights, that is their shapes, their meaning and their initialization.
ARCHITECTURE = (
    "cell",
    "num_layers",
    "hidden_size",
    "projection_size",
    "embedding_size",
    "tie_weights",
    "residual",
    "layer_norm",
    "initial_weights",
    "softmax_cutoff",
    "attention",
    "alignment",
    "encoder_layers",
    "subsampling",
)


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Options):
    """Model: which network."""

    from_: str | None = option(
        "Fine-tune: start from the weights and the vocabulary of this run, checkpoint or built-in model.",
        metavar="NAME|FILE",
    )
    cell: str = option("Recurrent cell.", "lstm", choices=registry.names("cells"))
    num_layers: int | None = chosen("Number of recurrent layers.", metavar="N", bound=LAYERS)
    hidden_size: int | None = chosen("Units per recurrent layer.", metavar="N", bound=UNITS)
    projection_size: int | None = option(
        "Size to which each layer's output is projected (LSTM variants only).", metavar="N", bound=UNITS
    )
    embedding_size: int | None = chosen("Size of the token embedding.", metavar="N", bound=UNITS)
    tie_weights: bool | None = chosen(
        "Share one matrix between the embedding and the output layer (their sizes must be equal)."
    )
    softmax_cutoff: int | None = chosen(
        "Adaptive softmax: number of frequent tokens in the first softmax; a second one covers all others. 0 disables "
        "it.",
        metavar="N",
        bound=NOT_NEGATIVE,
    )
    attention: int | None = chosen(
        "Number of previous tokens to which a layer of attention above the lowest layer attends; 0 disables it.",
        metavar="N",
        bound=NOT_NEGATIVE,
    )
    residual: bool | None = chosen("Residual connections around every layer but the first.")
    layer_norm: bool | None = chosen("Layer normalization of each layer's output.")
    initial_weights: str = option(
        "Initialization: orthogonal recurrent weights, or small weights in all layers.",
        "orthogonal",
        choices=INITIAL_WEIGHTS,
    )
    alignment: str = option(
        "How a text is written from what it is given: attention reads all of the encoder's outputs at each step; ctc "
        "has no decoder, so that the outputs are the text, with blanks; none starts from the last output. auto chooses "
        "ctc for strokes, recordings and lines of writing, otherwise attention.",
        "auto",
        choices=("auto", "attention", "ctc", "none"),
        group="Given",
    )
    encoder_layers: int | None = chosen(
        "Number of bidirectional layers that read what is given.", metavar="N", bound=ENCODER_LAYERS, group="Given"
    )
    subsampling: int | None = chosen(
        "Number of columns of a line, of frames of 10 ms, or of pen movements per vector that the encoder reads: 4, 2 "
        "or 1.",
        metavar="N",
        bound=COUNT,
        group="Given",
    )
    dropout: float | None = chosen("Dropout between layers and before the output layer.", metavar="P", bound=DROP)
    embedding_dropout: float | None = chosen("Dropout of the token embedding.", metavar="P", bound=DROP)
    recurrent_dropout: float | None = chosen("Dropout of the recurrent weights.", metavar="P", bound=DROP)

    def __post_init__(self) -> None:
        super().__post_init__()
        projected, hidden, embedded = self.projection_size, self.hidden_size, self.embedding_size
        if projected is not None and hidden is not None and projected >= hidden:
            raise UsageError(f"--projection-size must be below --hidden-size {hidden:,}, got {projected:,}")
        if self.tie_weights and None not in (embedded, self.output_size) and embedded != self.output_size:
            other = "--hidden-size" if projected is None else "--projection-size"
            raise UsageError(
                f"--tie-weights needs --embedding-size equal to {other}, got {embedded:,} and {self.output_size:,}"
            )

    @property
    def output_size(self) -> int | None:
        """Size of each layer's output."""
        return self.projection_size or self.hidden_size


@dataclass(frozen=True, kw_only=True)
class ModelConfig(ModelOptions):
    """Model: which network, completely chosen."""

    num_layers: int = resolved(ModelOptions, "num_layers")
    hidden_size: int = resolved(ModelOptions, "hidden_size")
    embedding_size: int = resolved(ModelOptions, "embedding_size")
    tie_weights: bool = resolved(ModelOptions, "tie_weights", False)
    softmax_cutoff: int = resolved(ModelOptions, "softmax_cutoff", 0)
    attention: int = resolved(ModelOptions, "attention", 0)
    residual: bool = resolved(ModelOptions, "residual", False)
    layer_norm: bool = resolved(ModelOptions, "layer_norm", False)
    encoder_layers: int = resolved(ModelOptions, "encoder_layers", 0)
    subsampling: int = resolved(ModelOptions, "subsampling", 1)
    dropout: float = resolved(ModelOptions, "dropout", 0.0)
    embedding_dropout: float = resolved(ModelOptions, "embedding_dropout", 0.0)
    recurrent_dropout: float = resolved(ModelOptions, "recurrent_dropout", 0.0)

    @property
    def depth(self) -> int:
        """The number of layers of the decoder; without one, of the encoder."""
        return self.encoder_layers if self.alignment == "ctc" else self.num_layers

    @property
    def architecture(self) -> dict[str, Any]:
        """The options that come with the weights, by field."""
        return {name: getattr(self, name) for name in ARCHITECTURE}

    @property
    def output_size(self) -> int:
        """Size of each layer's output."""
        return self.projection_size or self.hidden_size
