"""The folder is the registry: a kind is a module or a package in a folder, found by listing the folder."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TypeVar

Kind = TypeVar("Kind")


def names(package: str) -> tuple[str, ...]:
    """Return the kinds in `seqgen/<package>/`, without importing any: `peephole_lstm.py` is `peephole-lstm`.

    `base` and names that begin with an underscore are shared by the kinds.
    """
    folder = Path(__file__).parent / package
    modules = sorted(module.name for module in iter_modules([str(folder)]))
    return tuple(name.replace("_", "-") for name in modules if name != "base" and not name.startswith("_"))


def load(package: str, name: str, base: type[Kind]) -> type[Kind]:
    """Return the one subclass of `base` that the module or package of this name defines.

    Raises:
        ValueError: the kind does not exist.
    """
    if name not in names(package):  # an untrusted file may name any module
        raise ValueError(f"{name!r} is none of {', '.join(names(package))}")
    module = import_module(f"seqgen.{package}.{name.replace('-', '_')}")
    classes = (value for value in vars(module).values() if isinstance(value, type) and issubclass(value, base))
    (kind,) = (cls for cls in classes if f"{cls.__module__}.".startswith(f"{module.__name__}."))
    return kind
