"""Formats of files that are not plain text: how they are recognized, and how to extract text from them."""

import re
from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class Format:
    """A format that cannot be read.

    Attributes:
        kind: what a file of this format is called, in the singular.
        remedy: how to extract its text; FILE stands for its name.
    """

    kind: str
    remedy: str


_WITH_PANDOC = "extract its text first, for example with pandoc --to plain FILE --output FILE.txt"
_WITH_OFFICE = "extract its text first, for example with soffice --headless --convert-to txt:Text FILE"
_AS_CSV = "export it as CSV first, for example with soffice --headless --convert-to csv FILE"
_AS_MUSIC = "seqgen reads music in MIDI, MusicXML, kern and ABC"


def _in_place(name: str, suffix: str) -> Format:
    return Format(
        f"{name} without the suffix {suffix}", f"add the suffix to its name, for example with mv FILE FILE{suffix}"
    )


PDF = Format("PDF file", "extract its text first, for example with pdftotext FILE")
POSTSCRIPT = Format("PostScript file", "extract its text first, for example with ps2ascii FILE FILE.txt")
RTF = Format("RTF document", _WITH_PANDOC)
WORD = Format("Word document", _WITH_PANDOC)
OLD_WORD = Format("Word document", _WITH_OFFICE)
SLIDES = Format("presentation", "save it as PDF first, and extract the text of that, for example with pdftotext")
SHEET = Format("spreadsheet", _AS_CSV)
OFFICE = Format("Microsoft Office document", _WITH_OFFICE)
OPEN_DOCUMENT = Format("OpenDocument text", _WITH_PANDOC)
EPUB = Format("EPUB book", _WITH_PANDOC)
KINDLE = Format("Kindle book", "extract its text first, for example with ebook-convert FILE FILE.txt of Calibre")
PARQUET = Format("Parquet file", "convert it first, for example with pandas.read_parquet('FILE').to_csv('FILE.csv')")
ARROW = Format("Arrow file", "convert it first, for example with pandas.read_feather('FILE').to_csv('FILE.csv')")
SQLITE = Format(
    "SQLite database", "export a table first, for example with sqlite3 -csv -header FILE 'select * from TABLE'"
)
TAR = Format("tar archive", "unpack it first, for example with tar xf FILE")
ZIP = _in_place("ZIP archive", ".zip")
GZIP = _in_place("gzip file", ".gz")
BZIP2 = _in_place("bzip2 file", ".bz2")
XZ = _in_place("xz file", ".xz")
ZSTANDARD = Format("Zstandard file", "unpack it first, for example with zstd -d FILE")
LZ4 = Format("LZ4 file", "unpack it first, for example with lz4 -d FILE")
SEVEN_ZIP = Format("7z archive", "unpack it first, for example with 7z x FILE")
RAR = Format("RAR archive", "unpack it first, for example with unrar x FILE")
IMAGE = Format("image", "recognize its text first, for example with tesseract FILE FILE")
AUDIO = Format("audio file", f"transcribe it first; {_AS_MUSIC}")
VIDEO = Format("video", "transcribe it first, or take its subtitles")
MIDI = Format("MIDI file", "read it as music, with --level note and the suffix .mid")
COMPRESSED_MUSIC = Format("compressed MusicXML file", "read it as music, with --level note")
MUSESCORE = Format("MuseScore file", f"export it as MusicXML first: mscore -o FILE.musicxml FILE; {_AS_MUSIC}")

# The first bytes of a file. The first match counts; words with which a text may begin are not enough.
_BEGINNINGS = [
    (re.compile(pattern, re.DOTALL), found)
    for pattern, found in (
        (rb"(\xef\xbb\xbf)?\s*%PDF-\d", PDF),
        (rb"%!PS-Adobe", POSTSCRIPT),
        (rb"\{\\rtf\d", RTF),
        (rb"PK\x03\x04.{26}mimetypeapplication/epub", EPUB),
        (rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis\.opendocument\.text", OPEN_DOCUMENT),
        (rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis\.opendocument\.spreadsheet", SHEET),
        (rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis\.opendocument\.presentation", SLIDES),
        (rb"PK\x03\x04(.*PK\x03\x04)?.{26}word/", WORD),
        (rb"PK\x03\x04(.*PK\x03\x04)?.{26}xl/", SHEET),
        (rb"PK\x03\x04(.*PK\x03\x04)?.{26}ppt/", SLIDES),
        (rb"PK(\x03\x04|\x05\x06)", ZIP),
        (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OFFICE),
        (rb".{60}(BOOKMOBI|TEXtREAd)", KINDLE),
        (rb"PAR1\x15", PARQUET),
        (rb"ARROW1\0", ARROW),
        (rb"SQLite format 3\0", SQLITE),
        (rb".{257}ustar[\0 ]", TAR),
        (rb"\x1f\x8b\x08", GZIP),
        (rb"BZh[1-9]1AY&SY", BZIP2),
        (rb"\xfd7zXZ\0", XZ),
        (rb"\x28\xb5\x2f\xfd", ZSTANDARD),
        (rb"\x04\x22\x4d\x18", LZ4),
        (rb"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
        (rb"Rar!\x1a\x07", RAR),
        (rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a.[\0-\x1f].[\0-\x1f]|II\*\0|MM\0\*|8BPS\0", IMAGE),
        (rb"BM.{4}\0{4}|RIFF.{4}WEBP|\0\0.{2}ftyp(hei[cfx]|mif1|msf1|avif)|\0\0\0\x0cJXL ", IMAGE),
        (rb"RIFF.{4}WAVE|FORM.{4}AIF[FC]|fLaC\0|OggS\0|ID3[\x02-\x04]\0|\0\0.{2}ftypM4[AB]", AUDIO),
        (rb"\0\0.{2}ftyp|\x1a\x45\xdf\xa3|RIFF.{4}AVI |\0\0\x01[\xb3\xba]", VIDEO),
        (rb"MThd\0", MIDI),
    )
]
# Suffixes distinguish formats with the same first bytes, and binary files without characteristic first bytes.
_SUFFIXES = {
    ".docx": WORD, ".doc": OLD_WORD, ".dot": OLD_WORD, ".xlsx": SHEET, ".xls": SHEET, ".ods": SHEET,
    ".pptx": SLIDES, ".ppt": SLIDES, ".odp": SLIDES, ".odt": OPEN_DOCUMENT, ".epub": EPUB, ".mobi": KINDLE,
    ".azw3": KINDLE, ".tar": TAR, ".tgz": TAR, ".tbz": TAR, ".tbz2": TAR, ".txz": TAR, ".tzst": TAR,
    ".mp3": AUDIO, ".aac": AUDIO, ".mxl": COMPRESSED_MUSIC, ".mscz": MUSESCORE,
}  # fmt: skip
_CONTAINERS = (ZIP, OFFICE, GZIP, BZIP2, XZ, ZSTANDARD)


def recognized(head: bytes, name: str) -> Format | None:
    """Return the format of a file that is not plain text; None for text and for unknown formats.

    Args:
        head: its first bytes.
        name: its name, whose suffix distinguishes formats with the same first bytes.
    """
    found = next((found for pattern, found in _BEGINNINGS if pattern.match(head)), None)
    by_suffix = _SUFFIXES.get(PurePath(name).suffix.lower())
    if by_suffix and (found in _CONTAINERS or (found is None and b"\0" in head)):
        return by_suffix
    return found


_MARKUP = re.compile(r"\s*(<!--.*?-->\s*)*<(\?xml|!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_MARKUP_SUFFIXES = {".html", ".htm", ".xhtml", ".xml"}


def is_markup(beginning: str, name: str) -> bool:
    """Return whether a text is HTML or XML."""
    is_named = PurePath(name).suffix.lower() in _MARKUP_SUFFIXES
    return _MARKUP.match(beginning) is not None or (is_named and _TAG.search(beginning) is not None)
