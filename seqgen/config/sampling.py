"""What to write."""

from dataclasses import dataclass

from seqgen.config.bounds import COUNT, NOT_NEGATIVE, SEED, SHARE
from seqgen.errors import UsageError
from seqgen.options import Interval, Options, flag, option

TEXT_LENGTH = 500  # default number of tokens of a text
GIVEN_LENGTH, GIVEN_LENGTH_PER_TOKEN = 100, 8  # the same with --given: tokens, and tokens per token of the given
BEAM_SIZE = 5  # hypotheses per given


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
        shown_default=f"{TEXT_LENGTH} for text; as many as --bars needs for music; with --given, {GIVEN_LENGTH} and "
        f"{GIVEN_LENGTH_PER_TOKEN} per token of it",
    )
    min_length: int = option(
        "Minimum number of tokens before a text may end, by itself or at --stop.",
        0,
        metavar="N",
        bound=NOT_NEGATIVE,
    )
    num_samples: int = option(
        "Number of samples; with --given, of the most likely texts, with their log-probabilities per token.",
        1,
        metavar="N",
        bound=COUNT,
    )
    temperature: float | None = option(
        "Below 1 is more conservative, above 1 more diverse; 0 is greedy. With --given, sample instead of searching "
        "for the most likely text.",
        metavar="X",
        bound=NOT_NEGATIVE,
        shown_default="1; with --given, the most likely text is written",
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
        "Number of bars to write after the prime; the piece is led to an ending there.",
        shown_default="chosen by the model; with --prime, up to the median length of the corpus",
        metavar="N",
        bound=COUNT,
        group="Music",
    )
    tempo: float | None = option(
        "Tempo in quarter notes per minute.",
        shown_default="as in the corpus, or in the file with the prime",
        metavar="X",
        bound=Interval(10, 1000),
        group="Music",
    )
    key: str | None = option(
        "Key, such as D, Bb or f#m, on whose tonic the piece ends.",
        metavar="KEY",
        group="Music",
        shown_default="chosen by the model",
    )
    metre: str | None = option(
        "Metre of the first bar, such as 6/8; one that pieces of the corpus begin with.",
        metavar="N/D",
        group="Music",
        shown_default="chosen by the model; with notes as --prime, the most frequent one",
    )
    instrument: tuple[str, ...] = option(
        "Instrument of a part: a General MIDI name such as Violin or Acoustic Grand Piano, or an unambiguous part of "
        "one. Can be repeated: once per part, except drums.",
        (),
        metavar="NAME",
        group="Music",
    )
    prime_bars: int | None = option(
        "Use only the first N bars of the prime; a pickup is not counted.",
        shown_default="all",
        metavar="N",
        bound=COUNT,
        group="Music",
    )
    best_of: int | None = option(
        "Write N pieces for each sample, and keep the one that is most likely per note, of those that are not copied "
        "from the training set.",
        shown_default="1",
        metavar="N",
        bound=COUNT,
        group="Music",
    )
    given: tuple[str, ...] = option(
        "What the text is written from, for a model trained with --given: a text; @FILE reads it, or an image, a "
        "recording or strokes, from a file; @FOLDER all of these in a folder; - reads a text or the name of such a "
        "file per line from standard input; @@ stands for a text that starts with @. Can be repeated; several givens "
        "have one line each.",
        (),
        metavar="TEXT|@FILE|-",
        group="Given",
    )
    beam_size: int | None = option(
        "Number of hypotheses in the search for the most likely text; 1 is greedy. At least --num-samples are used.",
        metavar="N",
        bound=COUNT,
        shown_default=str(BEAM_SIZE),
        group="Given",
    )
    language_model: str | None = option(
        "Run of a language model of the same level whose likelihood is added in the search.",
        metavar="NAME|FILE",
        group="Given",
    )
    language_model_weight: float | None = option(
        "Weight of the language model in the search.",
        metavar="X",
        bound=NOT_NEGATIVE,
        shown_default="chosen on validation pairs",
        group="Given",
    )
    seed: int | None = option(
        "Random seed of the samples.", metavar="N", bound=SEED, shown_default="random, and printed"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("beam_size", "language_model"):
            if getattr(self, name) is not None and not self.given:
                raise UsageError(f"{flag(name)} needs --given")
        if self.language_model_weight is not None and self.language_model is None:
            raise UsageError("--language-model-weight needs --language-model")
        if "" in self.stop:
            raise UsageError("--stop must not be empty")
        if self.keep_stop and not self.stop:
            raise UsageError("--keep-stop needs --stop")
        if self.min_length > (self.length or TEXT_LENGTH):
            raise UsageError(
                f"--min-length must be at most --length, which is {self.length or TEXT_LENGTH}, got {self.min_length}"
            )

    @property
    def is_search(self) -> bool:
        """Whether the most likely text is searched for if something is given."""
        return self.temperature is None and self.top_k is None and self.top_p == 1

    def refuse_for_given(self) -> None:
        """Reject options that do not apply to texts written from something given.

        Raises:
            UsageError: such an option is given.
        """
        self.refuse_for_text()
        if self.is_search:
            self._refuse(
                ("stop", "min_length", "no_repeat"),
                "is for sampling, but the most likely text is searched for: add --temperature 1, or omit it",
            )
        for name in ("beam_size", "language_model"):
            if not self.is_search and getattr(self, name) is not None:
                raise UsageError(
                    f"{flag(name)} is for the most likely text: omit it, or --temperature, --top-k and --top-p"
                )

    def refuse_for_text(self) -> None:
        """Reject options that only models of music have.

        Raises:
            UsageError: such an option is given.
        """
        self._refuse(
            ("bars", "tempo", "key", "metre", "instrument", "prime_bars", "best_of"),
            "is for models of music; this model writes text",
        )

    def refuse_for_music(self) -> None:
        """Reject options that only models of text have.

        Raises:
            UsageError: such an option is given.
        """
        self._refuse(
            ("stop", "min_length", "no_repeat"),
            "is for models of text; this model writes music, which ends after --bars",
        )

    def _refuse(self, names: tuple[str, ...], reason: str) -> None:
        for name in names:
            if getattr(self, name):
                raise UsageError(f"{flag(name)} {reason}")
