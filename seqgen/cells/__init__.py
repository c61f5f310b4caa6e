"""The recurrent cells: one file per cell, found by listing this folder."""

from seqgen import registry
from seqgen.cells.base import Cell


def cell_class(name: str) -> type[Cell]:
    """Return the class of the cell with this name."""
    return registry.load("cells", name, Cell)  # type: ignore[type-abstract]  # a subclass is returned
