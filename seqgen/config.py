"""Every option as a field: its name, default, help text and bound are written here, once.

A field made with `chosen` is None until the recipe fills it in: `requested` configs have such holes, `resolved` ones
do not, and all code past `training/recipe.py` sees resolved ones only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from seqgen import registry
from seqgen.errors import UsageError
from seqgen.options import Interval, Options, chosen, field_name, flag, option, parse_delimiter, parse_size, parse_time

COUNT = Interval(1)
UNITS = Interval(1, 10_000_000)
LAYERS = Interval(1, 1_000)
WINDOW = Interval(1, 100_000)  # of a cache, which looks at all of it for every token
POSITIVE = Interval(0, low_open=True)
NOT_NEGATIVE = Interval(0)
SEED = Interval(0, 2**31 - 1)
DROP = Interval(0, 1, high_open=True)
FRACTION = Interval(0, 1, low_open=True, high_open=True)
SHARE = Interval(0, 1, low_open=True)
BUDGETS = ("time", "epochs", "steps")  # one of them is a whole budget
INITIAL_WEIGHTS = ("orthogonal", "small")
# Of `CorpusConfig`: how a source is read, whatever is done with it.
READING = ("field", "header", "delimiter", "encoding", "encoding_errors", "unpack_limit")


@dataclass(frozen=True, kw_only=True)
class CorpusConfig(Options):
    """Corpus: what is learned from."""

    corpus: tuple[str, ...] = option(
        "What to learn from: a file, a folder, a glob, - for standard input, or builtin:NAME, which is python-docs, "
        "python-source, bach-chorales or folk-tunes. May be given again.",
        (),
        metavar="SOURCE",
    )
    valid: str | None = option("A source to validate on, instead of a part of the corpus.", metavar="SOURCE")
    valid_fraction: float = option(
        "The share of the corpus held back for validation.", 0.1, metavar="P", bound=FRACTION
    )
    level: str = option("What a token is.", "auto", choices=("auto", *registry.names("levels")))
    vocabulary_size: int | None = option("The most tokens a vocabulary may have.", metavar="N", bound=COUNT)
    ngram: int = option("Characters in a token of the character level.", 1, metavar="N", bound=Interval(1, 8))
    grid: int = option("Steps a quarter at which music is heard.", 12, metavar="N", bound=Interval(4, 96))
    transpose: str = option(
        "Music: on learns every piece in a key drawn anew each epoch; key moves all into one key, and back on output.",
        "on",
        choices=("on", "off", "key"),
    )
    velocity: bool = option("Learn how loud each note of music is, too.", False)
    document: str = option(
        "What is learned from its beginning to its end: a file (or a record of a table), a line or a paragraph.",
        "file",
        choices=("file", "line", "paragraph"),
    )
    field: str | None = option(
        "What holds the text of a table (.csv, .tsv) or of JSON records (.json, .jsonl): a column's name, its number "
        "if there is no header, or outer.inner for a nested field. Default: the one with the most text.",
        metavar="NAME",
    )
    header: str | None = option(
        "Whether the first row of a table names its columns. Default: decided from the first rows.",
        choices=("yes", "no"),
    )
    delimiter: str | None = option(
        "What separates the columns of a table: a character, or comma, semicolon, tab, pipe, space or none. Default: "
        "decided from the first rows. Standard input is a table if this, --header or --field is given, and holds JSON "
        "records if it begins with a JSON object.",
        metavar="CHARACTER",
    )
    encoding: str = option(
        "Text encoding of files without a byte-order mark, such as utf-8, cp1252 or utf-16-le.", "utf-8", metavar="NAME"
    )
    encoding_errors: str = option(
        "Invalid bytes: strict rejects the file, replace reads them as U+FFFD and reports how many.",
        "strict",
        choices=("strict", "replace"),
    )
    unpack_limit: str = option("The most that a compressed file or an archive may unpack to.", "50GB", metavar="SIZE")

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_size(self.unpack_limit)
        if self.delimiter is not None:
            parse_delimiter(self.delimiter)
        if self.ngram > 1 and self.level not in ("auto", "character"):
            raise UsageError(f"--ngram is for --level character, not for --level {self.level}")
        if self.level == "note" and self.document != "file":
            raise UsageError(f"--document {self.document} is for text: of music, every piece is a document")


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Options):
    """Model: which network."""

    from_: str | None = option(
        "Begin with the weights and the vocabulary of a run, and go on learning from another corpus.",
        metavar="NAME|FILE",
    )
    cell: str = option("The kind of recurrent cell.", "lstm", choices=registry.names("cells"))
    num_layers: int = chosen("How many recurrent layers are stacked.", metavar="N", bound=LAYERS)
    hidden_size: int = chosen("Units in each recurrent layer.", metavar="N", bound=UNITS)
    projection_size: int | None = option(
        "Project each layer's output to fewer numbers (LSTM kinds).", metavar="N", bound=UNITS
    )
    embedding_size: int = chosen("Numbers that stand for a token at the input.", metavar="N", bound=UNITS)
    tie_weights: bool = chosen("Use one matrix for the embedding and the output (sizes must agree).")
    softmax_cutoff: int = chosen(
        "Choose among so many frequent tokens and all rare ones as one, then among these; 0 chooses among all at once.",
        metavar="N",
        bound=NOT_NEGATIVE,
    )
    residual: bool = chosen("Add to each layer's output its input, from the second layer on.")
    layer_norm: bool = chosen("Normalise each layer's output.")
    initial_weights: str = option(
        "Recurrent weights begin orthogonal, or all weights of the layers small.",
        "orthogonal",
        choices=INITIAL_WEIGHTS,
    )
    dropout: float = chosen("The share of units dropped between layers and before the output.", metavar="P", bound=DROP)
    embedding_dropout: float = chosen("The share of the embedding's numbers dropped.", metavar="P", bound=DROP)
    recurrent_dropout: float = chosen("The share of the recurrent weights dropped.", metavar="P", bound=DROP)

    def __post_init__(self) -> None:
        super().__post_init__()
        projected, hidden, embedded = self.projection_size, self.hidden_size, self.embedding_size
        if projected is not None and hidden is not None and projected >= hidden:
            raise UsageError(f"--projection-size must be below --hidden-size {hidden}, got {projected}")
        if self.tie_weights and None not in (embedded, self.output_size) and embedded != self.output_size:
            other = "--hidden-size" if projected is None else "--projection-size"
            raise UsageError(
                f"--tie-weights needs --embedding-size equal to {other}, got {embedded} and {self.output_size}"
            )

    @property
    def architecture(self) -> dict[str, Any]:
        """What comes with the weights, by field: their shapes and meaning, and what they began with."""
        names = ("cell", "num_layers", "hidden_size", "projection_size", "embedding_size", "tie_weights", "residual")
        values = {name: getattr(self, name) for name in (*names, "layer_norm", "initial_weights")}
        return values | {"softmax_cutoff": self.softmax_cutoff or 0}  # older files have none

    @property
    def output_size(self) -> int:
        """Numbers that a layer puts out."""
        return self.projection_size or self.hidden_size


@dataclass(frozen=True, kw_only=True)
class OptimizationConfig(Options):
    """Optimization: how its weights are found."""

    learning_rate: float = chosen("The highest learning rate, after the warm-up.", metavar="X", bound=POSITIVE)
    weight_decay: float = chosen("Decoupled weight decay of the matrices.", metavar="X", bound=NOT_NEGATIVE)
    batch_size: int = chosen("Streams of text read in parallel.", metavar="N", bound=COUNT)
    sequence_length: int = chosen(
        "Tokens a stream advances in one step, and gradients flow back; half as far in the first half of a run.",
        metavar="N",
        bound=COUNT,
    )
    clip: float = option("The gradient norm above which gradients are scaled down.", 1.0, metavar="X", bound=POSITIVE)


@dataclass(frozen=True, kw_only=True)
class BudgetConfig(Options):
    """Budget: how long."""

    time: str | None = option("Train this long, as 80s, 10m or 1h30m. Without any budget: 10m.", metavar="TIME")
    epochs: int | None = option("Train for this many passes over the corpus.", metavar="N", bound=COUNT)
    steps: int | None = option("Train for this many steps.", metavar="N", bound=COUNT)
    patience: int = option("Stop after this many validations without a better loss.", 6, metavar="N", bound=COUNT)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in BUDGETS if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageError(f"give one of {' and '.join(map(flag, given))}, not {len(given)}: each is a whole budget")
        if self.time is not None:
            parse_time(self.time)

    def num_steps(self, steps_per_epoch: int) -> int:
        """Return how many steps the budget is; 0 where it is a time."""
        return self.steps or (self.epochs or 0) * steps_per_epoch


@dataclass(frozen=True, kw_only=True)
class DeviceConfig(Options):
    """Machine: where to compute."""

    device: str = option("Where to compute.", "auto", choices=("auto", "cpu", "cuda", "mps"))


@dataclass(frozen=True, kw_only=True)
class MachineConfig(DeviceConfig):
    """Machine: where to compute, and how exactly."""

    precision: str = option(
        "Precision of the matrix products; auto is bfloat16 where the hardware has it.",
        "auto",
        choices=("auto", "float32", "bfloat16"),
    )
    seed: int = option("Fixes initial weights, order and dropout.", 1, metavar="N", bound=SEED)


@dataclass(frozen=True, kw_only=True)
class RunsConfig(Options):
    """Folders: where runs are kept."""

    checkpoints_dir: str = option("Where runs are kept.", "checkpoints", metavar="FOLDER")


@dataclass(frozen=True, kw_only=True)
class FoldersConfig(RunsConfig):
    """Folders: where runs and prepared corpora are kept."""

    data_dir: str = option("Where prepared corpora are kept.", "data", metavar="FOLDER")

    @property
    def parsed(self) -> Path:
        """Where music that was read slowly is kept."""
        return Path(self.data_dir) / "parsed"


@dataclass(frozen=True, kw_only=True)
class SamplingConfig(Options):
    """Sampling: what to write, and how boldly."""

    prime: str = option(
        "What the sample begins with, as text or as notes (C4 E4:2 R:1); @FILE reads it from a file.",
        "",
        metavar="TEXT|NOTES|@FILE",
    )
    length: int | None = option(
        "Tokens to write after the prime; without it 500 of text, and as many of music as --bars needs.",
        metavar="N",
        bound=COUNT,
    )
    num_samples: int = option("How many samples to write.", 1, metavar="N", bound=COUNT)
    temperature: float = option(
        "Below 1 plays safe, above 1 dares; 0 always takes the likeliest.",
        1.0,
        metavar="X",
        bound=NOT_NEGATIVE,
    )
    top_k: int | None = option("Choose among this many likeliest tokens only.", metavar="N", bound=COUNT)
    top_p: float = option(
        "Choose among the likeliest tokens that together have this probability.",
        1.0,
        metavar="P",
        bound=SHARE,
    )
    stop: str | None = option("End a sample before this text.", metavar="TEXT")
    bars: int | None = option(
        "Bars of music to write after the prime, of which a piece may end in the second half; without it 16.",
        metavar="N",
        bound=COUNT,
    )
    tempo: float | None = option(
        "Quarters a minute of the music; without it as in the corpus.", metavar="X", bound=Interval(10, 1000)
    )
    key: str | None = option("The key of the music, as D, Bb or f#m; without it the model's choice.", metavar="KEY")
    seed: int | None = option("Fixes the samples; without it one is drawn, and told.", metavar="N", bound=SEED)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stop == "":
            raise UsageError("--stop must not be empty: every text contains the empty one")


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig(Options):
    """Evaluation: what to measure."""

    corpus: str | None = option("Text that the model has not seen.", metavar="SOURCE")
    dynamic: bool = option("Also let a copy of the model go on learning from the text while it is measured.", False)
    cache: int | None = option(
        "Also let the model look at the last so many tokens for what followed before.", metavar="N", bound=WINDOW
    )
    num_samples: int = option(
        "Draw so many samples and tell what they copy, and how music compares.", 0, metavar="N", bound=Interval(0)
    )
    seed: int = option("Fixes these samples.", 1, metavar="N", bound=SEED)
    per_document: bool = option("Print a line of JSON for each document instead.", False)
    per_token: bool = option("Print a line of JSON for each token instead.", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.per_document and self.per_token:
            raise UsageError("give one of --per-document and --per-token, not both: each prints lines of its own")
        others = [name for name in ("dynamic", "cache", "num_samples") if getattr(self, name)]
        if others and (self.per_document or self.per_token):
            raise UsageError(f"{flag(others[0])} is for the report, which --per-document and --per-token replace")


@dataclass(frozen=True, kw_only=True)
class InspectionConfig(Options):
    """Inspection: which untrained networks to look at, and how far back."""

    cell: tuple[str, ...] = option(
        f"A kind of cell, as it is before training: {', '.join(registry.names('cells'))}. May be given again.",
        (),
        metavar="NAME",
        choices=registry.names("cells"),
    )
    num_layers: int = option("Layers of the untrained networks.", 1, metavar="N", bound=LAYERS)
    hidden_size: int = option("Units in each of their layers.", 128, metavar="N", bound=UNITS)
    initial_weights: str = option("How their weights begin.", "orthogonal", choices=INITIAL_WEIGHTS)
    length: int = option("How many steps to look back.", 100, metavar="N", bound=COUNT)
    seed: int = option("Fixes their weights, and what they read.", 1, metavar="N", bound=SEED)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that settles a training run: what `config.toml` and a checkpoint hold."""

    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    optimization: OptimizationConfig = field(default_factory=OptimizationConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    machine: MachineConfig = field(default_factory=MachineConfig)

    def __post_init__(self) -> None:
        """Refuse names that a configuration cannot keep, as of files whose names are in Latin-1."""
        for name, value in self.to_flat().items():
            try:
                "".join(value if isinstance(value, list) else [str(value)]).encode()
            except UnicodeEncodeError:
                raise UsageError(f"{flag(name)} must be text that can be written in UTF-8, got {value!r}") from None

    @property
    def is_resolved(self) -> bool:
        """Whether nothing is left to be chosen."""
        groups = (getattr(self, group.name) for group in fields(self))
        is_open = any(options.is_open(item.name) for options in groups for item in fields(options))
        has_budget = any(getattr(self.budget, name) is not None for name in BUDGETS)
        return has_budget and not is_open and "auto" not in (self.machine.device, self.machine.precision)

    def to_flat(self) -> dict[str, Any]:
        """Return the values by option name, those that are None left out."""
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
        """Return the config that `to_flat` made these values from.

        Raises:
            UsageError: a name is no option, or a value breaks its rule.
        """
        values = {field_name(name): tuple(v) if isinstance(v, list) else v for name, v in flat.items()}
        if isinstance(values.get("corpus"), str):
            values["corpus"] = (values["corpus"],)
        groups: dict[str, Any] = {}
        for group in fields(cls):
            kind: type[Options] = group.default_factory  # type: ignore[assignment]  # every group is a config class
            groups[group.name] = kind(
                **{item.name: values.pop(item.name) for item in fields(kind) if item.name in values}
            )
        if values:
            raise UsageError(f"{', '.join(map(flag, values))}: no option that a configuration can hold")
        return cls(**groups)
