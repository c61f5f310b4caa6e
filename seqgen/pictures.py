"""Drawing of pictures with arbitrary text."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_MAX_LENGTH = 50  # characters
# Fonts for scripts that matplotlib's own font, the first, lacks; those that are installed are used.
_FONTS = (
    "DejaVu Sans",
    "Noto Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans JP",
    "Noto Sans SC",
    "Noto Sans KR",
    "Noto Sans Devanagari",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Yu Gothic",
    "Nirmala UI",
    "PingFang SC",
    "Hiragino Sans",
    "Apple SD Gothic Neo",
    "Arial Unicode MS",
    "Unifont",
)


@contextmanager
def any_font() -> Iterator[None]:
    """Suppress warnings on characters that the font lacks, which are drawn as boxes; usable as a decorator."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")
        yield


@cache
def font_families() -> list[str]:
    """Return the installed fonts in which text is drawn; each character in the first that has it."""
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in _FONTS if name in installed]


@cache
def _fonts() -> list[Any]:
    from matplotlib import font_manager

    paths = (font_manager.findfont(name, fallback_to_default=False) for name in font_families())
    return [font_manager.get_font(path) for path in paths]


def shown_in(text: str) -> str:
    """Return a label for a text that is legible with the installed fonts.

    White space is drawn as a symbol, and a character that no font has as its code point.
    """
    visible = text.replace(" ", "\N{OPEN BOX}").replace("\n", "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}")
    return "".join(
        character if any(font.get_char_index(ord(character)) for font in _fonts()) else f"U+{ord(character):04X}"
        for character in visible
    )


def literal(text: str) -> str:
    """Escape a title or label for matplotlib, which treats `$` as a formula and hides labels that start with `_`.

    Long texts are shortened in the middle.
    """
    if len(text) > _MAX_LENGTH:
        half = _MAX_LENGTH // 2
        text = f"{text[:half]}...{text[-half:]}"
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")
