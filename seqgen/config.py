"""All options: each is a field with its name, default, help text and bounds.

A field made with `chosen` is None in requested options and has a value in resolved ones; code after
`training/recipe.py` sees only resolved options.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Self, get_type_hints

from seqgen import registry
from seqgen.errors import UsageError
from seqgen.options import (
    Interval,
    Options,
    chosen,
    field_name,
    flag,
    option,
    parse_delimiter,
    parse_size,
    parse_time,
    resolved,
)

COUNT = Interval(1)
UNITS = Interval(1, 10_000_000)
LAYERS = Interval(1, 1_000)
WINDOW = Interval(1, 100_000)  # of a cache: time per token is proportional to it
POSITIVE = Interval(0, low_open=True)
NOT_NEGATIVE = Interval(0)
SEED = Interval(0, 2**31 - 1)
DROP = Interval(0, 1, high_open=True)
FRACTION = Interval(0, 1, low_open=True, high_open=True)
SHARE = Interval(0, 1, low_open=True)
BUDGETS = ("time", "epochs", "steps")  # at most one is given
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
)
TEXT_LENGTH = 500  # default number of tokens of a text
# Fields of `CorpusConfig` on how a source is read.
READING = ("field", "header", "delimiter", "encoding", "encoding_errors", "unpack_limit")


@dataclass(frozen=True, kw_only=True)
class CorpusConfig(Options):
    """Corpus: what to train on."""

    corpus: tuple[str, ...] = option(
        "Text or music to train on: a file, a folder, a quoted pattern, - for standard input, or builtin:python-docs, "
        "builtin:python-source, builtin:bach-chorales or builtin:folk-tunes. Can be repeated.",
        (),
        metavar="SOURCE",
    )
    valid: str | None = option("Source of the validation set.", metavar="SOURCE", shown_default="a part of the corpus")
    valid_fraction: float = option("Fraction of the corpus held out for validation.", 0.1, metavar="P", bound=FRACTION)
    level: str = option(
        "Type of token; auto chooses note for music and character for text.",
        "auto",
        choices=("auto", *registry.names("levels")),
    )
    vocabulary_size: int | None = option("Maximum size of the vocabulary.", metavar="N", bound=COUNT)
    ngram: int = option("Characters per token, for --level character.", 1, metavar="N", bound=Interval(1, 8))
    grid: int = option(
        "Grid to which notes are quantized, in steps per quarter note.",
        12,
        metavar="N",
        bound=Interval(4, 96),
        group="Music",
    )
    transpose: str = option(
        "on: transpose each piece to a random key in every epoch; key: transpose all pieces to one key, and samples "
        "back; off: keep the original keys.",
        "on",
        choices=("on", "off", "key"),
        group="Music",
    )
    velocity: bool = option("Also model the velocity (loudness) of notes.", False, group="Music")
    document: str = option(
        "Unit of text that the model learns to begin and end. With file, each record of a table is a document, too.",
        "file",
        choices=("file", "line", "paragraph"),
    )
    field: str | None = option(
        "Column or field that contains the text, in tables (.csv, .tsv) and JSON records (.json, .jsonl): its name, "
        "outer.inner for a nested field, or a column number if there is no header.",
        metavar="NAME",
        shown_default="the one with the most text",
        group="Files",
    )
    header: str | None = option(
        "Whether the first row of a table contains the names of its columns.",
        shown_default="detected",
        choices=("yes", "no"),
        group="Files",
    )
    delimiter: str | None = option(
        "Column separator of tables: a character, or comma, semicolon, tab, pipe, space or none. Standard input is "
        "read as a table if this option, --header or --field is given, and as JSON records if it starts with a JSON "
        "object.",
        metavar="CHARACTER",
        shown_default="detected",
        group="Files",
    )
    encoding: str = option(
        "Text encoding of files without a byte-order mark, such as utf-8, cp1252 or utf-16-le.",
        "utf-8",
        metavar="NAME",
        group="Files",
    )
    encoding_errors: str = option(
        "What to do with invalid bytes: strict rejects the file; replace decodes them as U+FFFD and counts them.",
        "strict",
        choices=("strict", "replace"),
        group="Files",
    )
    unpack_limit: str = option(
        "Maximum unpacked size of a compressed file or an archive.", "50GB", metavar="SIZE", group="Files"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_size(self.unpack_limit)
        if self.delimiter is not None:
            parse_delimiter(self.delimiter)
        if self.ngram > 1 and self.level not in ("auto", "character"):
            raise UsageError(f"--ngram is for --level character, not for --level {self.level}")
        if self.level == "note" and self.document != "file":
            raise UsageError(f"--document {self.document} is for text: in music, every piece is a document")


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Options):
    """Model: which network."""

    from_: str | None = option(
        "Fine-tune: start from the weights and the vocabulary of this run or checkpoint.",
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
    residual: bool | None = chosen("Residual connections around every layer but the first.")
    layer_norm: bool | None = chosen("Layer normalization of each layer's output.")
    initial_weights: str = option(
        "Initialization: orthogonal recurrent weights, or small weights in all layers.",
        "orthogonal",
        choices=INITIAL_WEIGHTS,
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
    residual: bool = resolved(ModelOptions, "residual", False)
    layer_norm: bool = resolved(ModelOptions, "layer_norm", False)
    dropout: float = resolved(ModelOptions, "dropout", 0.0)
    embedding_dropout: float = resolved(ModelOptions, "embedding_dropout", 0.0)
    recurrent_dropout: float = resolved(ModelOptions, "recurrent_dropout", 0.0)

    @property
    def architecture(self) -> dict[str, Any]:
        """The options that come with the weights, by field."""
        return {name: getattr(self, name) for name in ARCHITECTURE}

    @property
    def output_size(self) -> int:
        """Size of each layer's output."""
        return self.projection_size or self.hidden_size


@dataclass(frozen=True, kw_only=True)
class OptimizationOptions(Options):
    """Optimization: how to train it."""

    learning_rate: float | None = chosen("Peak learning rate, reached after the warm-up.", metavar="X", bound=POSITIVE)
    weight_decay: float | None = chosen(
        "Decoupled weight decay (AdamW), applied to matrices.", metavar="X", bound=NOT_NEGATIVE
    )
    batch_size: int | None = chosen("Number of streams processed in parallel.", metavar="N", bound=COUNT)
    sequence_length: int | None = chosen(
        "Time steps per training step (truncated backpropagation through time); half as many in the first half.",
        metavar="N",
        bound=COUNT,
    )
    clip: float = option("Maximum gradient norm; larger gradients are scaled down.", 1.0, metavar="X", bound=POSITIVE)


@dataclass(frozen=True, kw_only=True)
class OptimizationConfig(OptimizationOptions):
    """Optimization: how its weights are found, completely chosen."""

    learning_rate: float = resolved(OptimizationOptions, "learning_rate")
    weight_decay: float = resolved(OptimizationOptions, "weight_decay")
    batch_size: int = resolved(OptimizationOptions, "batch_size")
    sequence_length: int = resolved(OptimizationOptions, "sequence_length")


@dataclass(frozen=True, kw_only=True)
class BudgetConfig(Options):
    """Budget: how long to train."""

    time: str | None = option(
        "Training time, such as 80s, 10m, 1.5h or 1d.",
        metavar="TIME",
        shown_default="10m, unless --epochs or --steps is given",
    )
    epochs: int | None = option("Train for N passes over the corpus instead of a time.", metavar="N", bound=COUNT)
    steps: int | None = option("Train for N steps instead of a time.", metavar="N", bound=COUNT)
    patience: int = option("Stop after N validations without improvement.", 6, metavar="N", bound=COUNT)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in BUDGETS if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(f"{' and '.join(map(flag, given))} cannot be combined: give only one of them")
        if self.time is not None:
            parse_time(self.time)

    def num_steps(self, steps_per_epoch: int) -> int:
        """Return the number of steps of the budget; 0 if it is a time."""
        return self.steps or (self.epochs or 0) * steps_per_epoch


@dataclass(frozen=True, kw_only=True)
class DeviceConfig(Options):
    """Machine: where to compute."""

    device: str = option("Device to compute on.", "auto", choices=("auto", "cpu", "cuda", "mps"))


@dataclass(frozen=True, kw_only=True)
class MachineConfig(DeviceConfig):
    """Machine: where to compute, and with what precision."""

    precision: str = option(
        "Precision of matrix products; auto uses bfloat16 if the hardware supports it.",
        "auto",
        choices=("auto", "float32", "bfloat16"),
    )
    seed: int = option("Random seed for initial weights, order and dropout.", 1, metavar="N", bound=SEED)


@dataclass(frozen=True, kw_only=True)
class RunsConfig(Options):
    """Folders: where runs are stored."""

    checkpoints_dir: str = option("Folder that contains the runs.", "checkpoints", metavar="FOLDER")


@dataclass(frozen=True, kw_only=True)
class FoldersConfig(RunsConfig):
    """Folders: where runs and prepared corpora are stored."""

    data_dir: str = option("Folder for prepared corpora.", "data", metavar="FOLDER")

    @property
    def parsed(self) -> Path:
        """The cache of parsed music files."""
        return Path(self.data_dir) / "parsed"


@dataclass(frozen=True, kw_only=True)
class SamplingConfig(Options):
    """Sampling: what to write."""

    prime: str = option(
        "Start of each sample: text, or notes such as C4 E4:2 R:1. @FILE reads it from a file, - from standard input; "
        "@@ stands for a text that starts with @.",
        "",
        metavar="TEXT|NOTES|@FILE|-",
    )
    length: int | None = option(
        "Number of tokens to write after the prime.",
        metavar="N",
        bound=COUNT,
        shown_default=f"{TEXT_LENGTH} for text; as many as --bars needs for music",
    )
    min_length: int = option(
        "Minimum number of tokens before a text may end, by itself or at --stop.",
        0,
        metavar="N",
        bound=NOT_NEGATIVE,
    )
    num_samples: int = option("Number of samples.", 1, metavar="N", bound=COUNT)
    temperature: float = option(
        "Below 1 is more conservative, above 1 more diverse; 0 is greedy.",
        1.0,
        metavar="X",
        bound=NOT_NEGATIVE,
    )
    top_k: int | None = option("Sample only from the N most likely tokens.", metavar="N", bound=COUNT)
    top_p: float = option(
        "Sample only from the most likely tokens whose probabilities add up to P.",
        1.0,
        metavar="P",
        bound=SHARE,
    )
    no_repeat: int | None = option(
        "Never repeat a sequence of N tokens in a text or its prime; the text ends if no token remains.",
        metavar="N",
        bound=COUNT,
    )
    stop: tuple[str, ...] = option(
        r"End a sample before this text; \n is a newline, \t a tab, \\ a backslash. Can be repeated.",
        (),
        metavar="TEXT",
    )
    keep_stop: bool = option("Keep the text given with --stop at the end of the sample.", False)
    bars: int | None = option(
        "Maximum number of bars to write after the prime; a piece may end in the second half of them.",
        shown_default="16",
        metavar="N",
        bound=COUNT,
        group="Music",
    )
    tempo: float | None = option(
        "Tempo in quarter notes per minute.",
        shown_default="as in the corpus",
        metavar="X",
        bound=Interval(10, 1000),
        group="Music",
    )
    key: str | None = option(
        "Key, such as D, Bb or f#m.", metavar="KEY", group="Music", shown_default="chosen by the model"
    )
    seed: int | None = option(
        "Random seed of the samples.", metavar="N", bound=SEED, shown_default="random, and printed"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if "" in self.stop:
            raise UsageError("--stop must not be empty")
        if self.keep_stop and not self.stop:
            raise UsageError("--keep-stop needs --stop")
        if self.min_length > (self.length or TEXT_LENGTH):
            raise UsageError(
                f"--min-length must be at most --length, which is {self.length or TEXT_LENGTH}, got {self.min_length}"
            )

    def refuse_for_text(self) -> None:
        """Reject options that only models of music have.

        Raises:
            UsageError: such an option is given.
        """
        self._refuse(("bars", "tempo", "key"), "is for models of music; this model writes text")

    def refuse_for_music(self) -> None:
        """Reject options that only models of text have.

        Raises:
            UsageError: such an option is given.
        """
        self._refuse(
            ("stop", "min_length", "no_repeat"),
            "is for models of text; this model writes music, which ends by itself or after --bars",
        )

    def _refuse(self, names: tuple[str, ...], reason: str) -> None:
        for name in names:
            if getattr(self, name):
                raise UsageError(f"{flag(name)} {reason}")


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig(Options):
    """Evaluation: what to measure."""

    corpus: str | None = option(
        "Text or music to evaluate on.", metavar="SOURCE", shown_default="the validation set of the run"
    )
    dynamic: bool = option(
        "Also report the loss with dynamic evaluation: a copy of the model learns from the text while reading it.",
        False,
    )
    cache: int | None = option(
        "Also report the loss with a neural cache of the last N tokens.", metavar="N", bound=WINDOW
    )
    num_samples: int = option(
        "Also draw N samples and report what they copy and, for music, how they compare with the corpus.",
        0,
        metavar="N",
        bound=Interval(0),
    )
    seed: int = option("Random seed of these samples.", 1, metavar="N", bound=SEED)
    per_document: bool = option("Print one line of JSON per document instead of the report.", False)
    per_token: bool = option("Print one line of JSON per token instead of the report.", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.per_document and self.per_token:
            raise UsageError("--per-document and --per-token cannot be combined: give only one of them")
        others = [name for name in ("dynamic", "cache", "num_samples") if getattr(self, name)]
        if others and (self.per_document or self.per_token):
            raise UsageError(
                f"{flag(others[0])} cannot be combined with --per-document or --per-token, which replace the report"
            )


@dataclass(frozen=True, kw_only=True)
class InspectionConfig(Options):
    """Inspection: which untrained networks to inspect, and over how many steps."""

    cell: tuple[str, ...] = option(
        "Inspect an untrained network with this cell. Can be repeated.",
        (),
        metavar="NAME",
        choices=registry.names("cells"),
    )
    num_layers: int = option("Number of layers of the untrained networks.", 1, metavar="N", bound=LAYERS)
    hidden_size: int = option("Units per layer of the untrained networks.", 128, metavar="N", bound=UNITS)
    initial_weights: str = option("Initialization of the untrained networks.", "orthogonal", choices=INITIAL_WEIGHTS)
    length: int = option("Number of time steps over which gradients are traced back.", 100, metavar="N", bound=COUNT)
    seed: int = option("Random seed of the weights and inputs of the untrained networks.", 1, metavar="N", bound=SEED)


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The options of a training run as requested: those that are None are chosen by the recipe."""

    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    model: ModelOptions = field(default_factory=ModelOptions)
    optimization: OptimizationOptions = field(default_factory=OptimizationOptions)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    machine: MachineConfig = field(default_factory=MachineConfig)

    def __post_init__(self) -> None:
        """Reject names that cannot be stored, such as file names in Latin-1."""
        for name, value in self.to_flat().items():
            try:
                "".join(value if isinstance(value, list) else [str(value)]).encode()
            except UnicodeEncodeError:
                raise UsageError(f"{flag(name)} must be valid UTF-8, got {value!r}") from None

    def to_flat(self) -> dict[str, Any]:
        """Return the values by option name, without those that are None."""
        flat: dict[str, Any] = {}
        for group in fields(self):
            options = getattr(self, group.name)
            flat |= {flag(item.name)[2:]: getattr(options, item.name) for item in fields(options)}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in flat.items()
            if value is not None
        }

    @classmethod
    def from_flat(cls, flat: Mapping[str, Any]) -> Self:
        """Return the options from which `to_flat` made these values.

        Raises:
            UsageError: an option does not exist, is missing or breaks its rule.
        """
        values = {field_name(name): tuple(v) if isinstance(v, list) else v for name, v in flat.items()}
        if isinstance(values.get("corpus"), str):
            values["corpus"] = (values["corpus"],)
        groups: dict[str, Any] = {}
        for group, kind in get_type_hints(cls).items():
            own = {item.name: values.pop(item.name) for item in fields(kind) if item.name in values}
            missing = [item.name for item in fields(kind) if item.default is MISSING and item.name not in own]
            if missing:
                raise UsageError(f"a resolved configuration needs {', '.join(map(flag, missing))}")
            groups[group] = kind(**own)
        if values:
            raise UsageError(f"{', '.join(map(flag, values))}: no such option in a configuration")
        return cls(**groups)


@dataclass(frozen=True, kw_only=True)
class TrainConfig(TrainOptions):
    """The options of a training run as resolved: everything is chosen."""

    model: ModelConfig
    optimization: OptimizationConfig

    def __post_init__(self) -> None:
        """Reject what is not chosen.

        Raises:
            UsageError: there is no budget, or the device or the precision is `auto`.
        """
        super().__post_init__()
        has_budget = any(getattr(self.budget, name) is not None for name in BUDGETS)
        if not has_budget or "auto" in (self.machine.device, self.machine.precision):
            raise UsageError("a resolved configuration needs a budget, a device and a precision")
