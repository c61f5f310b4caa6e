"""Levels, which define what a token is: one module or package per level, found by listing this folder."""

from collections.abc import Mapping
from typing import Any

from seqgen import registry
from seqgen.levels.base import Level, TextLevel


def level_class(name: str) -> type[Level[Any]]:
    """Return the class of a level by name."""
    return registry.load("levels", name, Level)  # type: ignore[type-abstract]  # the result is a concrete subclass


def level_from_json(content: Mapping[str, Any]) -> Level[Any]:
    """Return the level that `to_json` described."""
    level = level_class(content["level"]).from_json(content)
    if isinstance(level, TextLevel):
        level.encode("a")  # a damaged vocabulary fails here instead of during sampling
        level.decoder()
    return level
