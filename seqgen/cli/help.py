"""Formats `--help`: options by group, the most important groups first, wrapped only between words."""

import inspect
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

CHOSEN = "auto"  # shown as the default of options that the recipe chooses
MAX_WIDTH = 100
NARROW = 60  # columns, below which an explanation is placed under its option instead of beside it
_GROUPS = (
    "Corpus",
    "Sampling",
    "Evaluation",
    "Inspection",
    "Budget",
    "General",
    "Given",
    "Model",
    "Optimization",
    "Machine",
    "Music",
    "Files",
    "Folders",
    "Logging",
)
_WITHOUT_GROUP = "General"
_SHORT = 32  # characters, which fit into the narrowest help page
_JOINED = "\N{NO-BREAK SPACE}"


def help_text(command: TyperCommand | TyperGroup, context: Any) -> str:
    """Return the help of a command, as wide as the terminal but at most 100 columns."""
    width = min(typer.get_terminal_size().columns, MAX_WIDTH)
    usage = " ".join(["Usage:", context.command_path, *command.collect_usage_pieces(context)])
    parts = [usage, *_paragraphs(command.help or "", width)]
    if isinstance(command, TyperGroup):
        rows = [(name, _first_paragraph(listed.help or "")) for name, listed in command.commands.items()]
        parts.append(_section("Commands", rows, width))
    options = [param for param in command.get_params(context) if isinstance(param, TyperOption) and not param.hidden]
    options.sort(key=lambda option: _GROUPS.index(_group(option)))
    for group, members in groupby(options, key=_group):
        parts.append(_section(group, [(_term(option), _explanation(option)) for option in members], width))
    return "\n\n".join(parts) + "\n"


def _group(option: TyperOption) -> str:
    return option.rich_help_panel or _WITHOUT_GROUP


def _term(option: TyperOption) -> str:
    """Return the names of an option and the placeholder of its value."""
    names = ", ".join(sorted(option.opts, key=len))
    others = f" / {', '.join(option.secondary_opts)}" if option.secondary_opts else ""
    value = "" if option.is_flag else f" {option.metavar or 'VALUE'}"
    return names + others + value


def _explanation(option: TyperOption) -> str:
    """Return the help text of an option with its default, which is not broken if it is short."""
    default = option.show_default
    if default is True:
        default = "" if option.is_flag or option.default is None else str(option.default)
    if not default:
        return option.help or ""
    note = f"[{default}]" if option.show_default == CHOSEN else f"[default: {default}]"
    return f"{option.help} {note if len(note) > _SHORT else note.replace(' ', _JOINED)}"


def _first_paragraph(text: str) -> str:
    return " ".join(inspect.cleandoc(text).split("\n\n")[0].split())


def _paragraphs(text: str, width: int) -> Iterator[str]:
    """Yield the paragraphs of a docstring, wrapped unless they are indented."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        yield paragraph if paragraph.startswith(" ") else "\n".join(_wrapped(paragraph, width))


def _section(title: str, rows: Iterable[tuple[str, str]], width: int) -> str:
    """Return a heading with a list of terms and their explanations."""
    indent = 28 if width >= NARROW else 8
    lines = [typer.style(f"{title}:", bold=True)]
    for term, explanation in rows:
        explained = [" " * indent + line for line in _wrapped(explanation, width - indent)]
        if len(term) + 4 <= indent and explained:
            explained[0] = f"  {term}".ljust(indent) + explained[0][indent:]
            lines += explained
        else:
            lines += [f"  {term}", *explained]
    return "\n".join(lines)


def _wrapped(text: str, width: int) -> Sequence[str]:
    """Wrap a text at spaces only, since names of options contain hyphens."""
    lines = textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)
    return [line.replace(_JOINED, " ") for line in lines]
