"""The corpus: what is learned from."""

from dataclasses import dataclass

from seqgen import registry
from seqgen.config.bounds import COUNT, FRACTION
from seqgen.errors import UsageError
from seqgen.options import Interval, Options, option, parse_delimiter, parse_size

READING = ("given", "field", "header", "delimiter", "encoding", "encoding_errors", "unpack_limit")
_MUSIC = "note"  # the level that is not for text
_TEXT_LEVELS = tuple(name for name in registry.names("levels") if name != _MUSIC)
_SIGNALS = tuple(name for name in registry.names("encoders") if name != "text")


@dataclass(frozen=True, kw_only=True)
class CorpusConfig(Options):
    """Corpus: what to train on."""

    corpus: tuple[str, ...] = option(
        "Text or music to train on: a file, a folder, a quoted pattern, - for standard input, or builtin:python-docs, "
        "builtin:python-source, builtin:shakespeare, builtin:names, builtin:bach-chorales or builtin:folk-tunes. "
        "Can be repeated.",
        (),
        metavar="SOURCE",
    )
    corpus_share: bool = option(
        "The files of --corpus (and --valid) are this machine's share of the corpus: each of several machines has "
        "other files, which only it reads, and all train on the files of all.",
        False,
    )
    valid: str | None = option("Source of the validation set.", metavar="SOURCE", shown_default="a part of the corpus")
    valid_fraction: float = option("Fraction of the corpus held out for validation.", 0.1, metavar="P", bound=FRACTION)
    level: str = option(
        "Type of token; auto chooses note for music, word for pairs whose text consists of phones, tags or other "
        "tokens of a small set between spaces, subword for pairs of sentences and captions of pictures, and character "
        "for any other text.",
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
        "on: transpose each piece to a random key in every epoch, within the range of its parts; key: transpose all "
        "pieces to one key, and samples back; near: the same, but in training also to the keys with one sharp or flat; "
        "off: keep the original keys; auto: the more keys, the more epochs there are.",
        "auto",
        choices=("auto", "on", "near", "key", "off"),
        group="Music",
    )
    velocity: bool = option("Also model the velocity (loudness) of notes.", False, group="Music")
    chords: bool = option("Read chord symbols as a part of block chords.", False, group="Music")
    pedal: bool = option("Let the sustain pedal of MIDI files extend notes.", False, group="Music")
    document: str = option(
        "Unit of text that the model learns to begin and end. With file, each record of a table is a document, too.",
        "file",
        choices=("file", "line", "paragraph"),
    )
    given: str | None = option(
        "What each text is given, so that the model learns to write one text from another: a column of the same table "
        "or JSON records (as for --field), a file with a line for each line of the corpus, or the suffix of files "
        "beside those of the corpus, such as .src or .png. Texts, images, recordings and strokes can be given.",
        metavar="COLUMN|FILE|SUFFIX",
        group="Given",
    )
    given_level: str = option(
        "Type of token of what is given; auto chooses word for tokens of a small set between spaces, subword for "
        "sentences, decomposed for other texts with accents or Hangul syllables, and character for any other text.",
        "auto",
        choices=("auto", *_TEXT_LEVELS, *_SIGNALS),
        group="Given",
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
        if self.level == _MUSIC and self.document != "file":
            raise UsageError(f"--document {self.document} is for text: in music, every piece is a document")
        if self.corpus_share and (self.given is not None or self.level == _MUSIC):
            other = f"--level {_MUSIC}" if self.given is None else f"--given {self.given}"
            raise UsageError(
                f"--corpus-share cannot be combined with {other}: copy all files to all machines, and omit the option"
            )
        self._check_given()

    @property
    def named_column(self) -> str | None:
        """The column that the user named, by its name rather than by its number if both were used."""
        named = [name for name in (self.field, self.given) if name is not None]
        return next((name for name in named if not name.isdecimal()), named[0] if named else None)

    def _check_given(self) -> None:
        if self.given is None:
            if self.given_level != "auto":
                raise UsageError(f"--given-level {self.given_level} needs --given")
        elif self.document != "file":
            raise UsageError(f"--document {self.document} cannot be combined with --given: every pair is a document")
        elif self.level == _MUSIC:
            raise UsageError(f"--level {_MUSIC} cannot be combined with --given: pairs are text")
