"""What a token is: one file a level, found by listing this folder."""

from collections.abc import Mapping
from typing import Any

from seqgen import registry
from seqgen.levels.base import Level, TextLevel


def level_class(name: str) -> type[Level]:
    """Return the level of this name."""
    return registry.load("levels", name, Level)  # type: ignore[type-abstract]  # a subclass is returned


def level_from_json(content: Mapping[str, Any]) -> Level:
    """Return the level that `to_json` described."""
    level = level_class(content["level"]).from_json(content)
    if isinstance(level, TextLevel):
        level.encode("a")  # what a stranger has damaged fails now, and not while somebody waits for a sample
        level.decoder()
    return level
