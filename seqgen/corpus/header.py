"""Detects whether the first row of a table is a header.

Every column gives evidence: its first cell may differ in kind from the cells below it, or occur again below. Without
evidence there is no header, so that no row is lost.
"""

import re
from collections.abc import Iterable, Sequence

from seqgen.corpus.rows import is_number, text_size

_BLANK = {"", "nan", "na", "n/a", "null", "none", "inf", "-inf", "infinity", "-infinity"}
_MOST = 0.9  # of the cells of a column
_MAX_LABEL_WORDS = 3
_SENTENCE_ENDS = (".", "!", "?", ",", ";", "…", "。")
_MIN_CATEGORICAL = 8  # cells of a column whose values occur four times on average
_LABEL_TEXT = """
abstract address advice age answer article artist author bio biography blog body book caption category chapter city
class clean code comment company completion content context conversation count country created customer date datetime
definition desc description dialog dialogue direction doc document domain email en english essay example fable fact
feedback field file filename filepath first firstname folder french full gender genre german gloss group haiku heading
headline id idx index ingredient input instruction ipa item joke key keyword kind label lang language last lastname
latin length limerick line link locale long lyric meaning message month motto msg name news note nr num number
occupation opinion original output page paragraph parent passage path phrase plot poem poet poetry post price product
prompt pronunciation protein proverb question quote rank rating raw recipe reference reply response review riddle
saying score sentence sentiment sequence sex short slogan sms song sonnet source spanish speaker speech split src
stars status story string subject summary surname tag target term text tgt time timestamp title token topic transcript
transcription translation transliteration tweet txt type uid updated url user username utterance uuid value verse word
year
"""
_LABELS = frozenset(_LABEL_TEXT.split())  # words that name columns, also in the plural
_WORD = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def has_header(rows: Sequence[Sequence[str]], column: str | None = None) -> bool:
    """Return whether the first of some rows is a header.

    Args:
        rows: the first rows of a table.
        column: the column that the user named: its name is in the header if there is one, and a number suggests a
            table without a header.
    """
    if not rows:
        return False
    first = [cell.strip() for cell in rows[0]]
    if column is not None and column in first:
        return True
    numeric, evidence = 0, -2 if column is not None and column.isdecimal() else 0
    for place, cell in enumerate(first):
        cells = [row[place].strip() for row in rows[1:] if place < len(row)]
        values = [value for value in cells if value.lower() not in _BLANK]
        if is_number(cell) and (not values or _share(is_number(value) for value in values) >= _MOST):
            numeric = -2  # for any number of them: years may name columns, too
        elif cell.lower() not in _BLANK:
            evidence += _evidence(cell, values)
    return evidence + numeric > 0


def _evidence(cell: str, values: Sequence[str]) -> int:
    """Return the evidence of a column: positive for a header, negative against one."""
    if cell in values:
        return -3
    is_label = _is_label(cell) and not any(map(_is_label, values))
    if values and _share(map(is_number, values)) >= _MOST:
        return 3
    if values and _share(not text_size(value) for value in values) >= _MOST:  # dates, keys, links
        return 3 if is_label or text_size(cell) else -1
    if cell.endswith(_SENTENCE_ENDS):
        return -1
    words = len(cell.split())
    evidence = 2 if is_label else -(words >= _MAX_LABEL_WORDS)
    if values and words == 1:
        evidence += 2 * (_share(len(value.split()) > 1 for value in values) >= _MOST)
        evidence += _share(value[:1].isupper() != cell[:1].isupper() for value in values) >= _MOST
    if len(values) >= _MIN_CATEGORICAL and 4 * len(set(values)) <= len(values):
        evidence += 2
    return evidence


def _is_label(cell: str) -> bool:
    """Return whether a cell looks like a column name: `text`, `review_text`, `userId`, `Review title`."""
    words = [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", cell[:100]))]
    known = [word in _LABELS or word.removesuffix("s") in _LABELS for word in words]
    if not 0 < len(words) <= _MAX_LABEL_WORDS:
        return False
    return all(known) if " " in cell else known[0] or known[-1]


def _share(found: Iterable[bool]) -> float:
    flags = list(found)
    return sum(flags) / len(flags)
