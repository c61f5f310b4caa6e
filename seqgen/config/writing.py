"""How `seqgen write` begins and continues a text."""

from dataclasses import dataclass

from seqgen.config.bounds import COUNT, NOT_NEGATIVE, SEED
from seqgen.config.sampling import SamplingConfig
from seqgen.options import Options, option, resolved


@dataclass(frozen=True, kw_only=True)
class WritingConfig(Options):
    """Sampling: how the text begins and is continued."""

    prime: str = option(
        "Text to begin with, or notes such as C4 E4:2 R:1. @FILE reads it from a file; @@ stands for a text that "
        "starts with @.",
        "",
        metavar="TEXT|NOTES|@FILE",
        shown_default="the content of --output, if it exists and is text",
    )
    temperature: float = option(
        "Temperature of the suggestions at first: below 1 is more conservative, above 1 more diverse; 0 is greedy.",
        1.0,
        metavar="X",
        bound=NOT_NEGATIVE,
    )
    top_k: int | None = resolved(SamplingConfig, "top_k", None)
    top_p: float = resolved(SamplingConfig, "top_p", 1.0)
    bars: int | None = option(
        "Number of bars to write after the prime; the suggestions lead to an ending there.",
        shown_default="chosen by the model; with --prime, up to the median length of the corpus",
        metavar="N",
        bound=COUNT,
        group="Music",
    )
    tempo: float | None = resolved(SamplingConfig, "tempo", None)
    key: str | None = resolved(SamplingConfig, "key", None)
    metre: str | None = resolved(SamplingConfig, "metre", None)
    instrument: tuple[str, ...] = resolved(SamplingConfig, "instrument", ())
    seed: int | None = option("Random seed of the suggestions.", metavar="N", bound=SEED, shown_default="random")

    @property
    def sampling(self) -> SamplingConfig:
        """The options of the samples that are suggested."""
        return SamplingConfig(**vars(self))
