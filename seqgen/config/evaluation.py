"""What to measure."""

from dataclasses import dataclass

from seqgen import registry
from seqgen.config.bounds import COUNT, LAYERS, NOT_NEGATIVE, SEED, UNITS, WINDOW
from seqgen.config.model import INITIAL_WEIGHTS
from seqgen.errors import UsageError
from seqgen.options import Interval, Options, flag, option


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
    language_model: str | None = option(
        "Run of a language model whose likelihood is added in the search of a model that is given something.",
        metavar="NAME|FILE",
    )
    language_model_weight: float | None = option(
        "Weight of the language model in the search.",
        metavar="X",
        bound=NOT_NEGATIVE,
        shown_default="chosen on validation pairs",
    )
    per_document: bool = option("Print one line of JSON per document instead of the report.", False)
    per_token: bool = option("Print one line of JSON per token instead of the report.", False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.per_document and self.per_token:
            raise UsageError("--per-document and --per-token cannot be combined: give only one of them")
        if self.language_model_weight is not None and self.language_model is None:
            raise UsageError("--language-model-weight needs --language-model")
        if self.per_token and self.language_model is not None:
            raise UsageError("--language-model helps to write texts, but --per-token scores tokens: omit one of them")
        others = [name for name in ("dynamic", "cache", "num_samples") if getattr(self, name)]
        if others and (self.per_document or self.per_token):
            raise UsageError(
                f"{flag(others[0])} cannot be combined with --per-document or --per-token, which replace the report"
            )


@dataclass(frozen=True, kw_only=True)
class InspectionConfig(Options):
    """Inspection: which untrained networks to inspect, over how many steps, and with which seed."""

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
    seed: int = option(
        "Random seed of the weights and inputs of the untrained networks, or of each sample in a report.",
        1,
        metavar="N",
        bound=SEED,
    )
