"""Functions on arrays that numba compiles when they are first called, if it is there.

Compiling takes a second or two, is kept on disk, and needs no C compiler. Numba itself is loaded only then: it takes
60 MB and 0.2 s.
"""

from collections.abc import Callable
from functools import cache, wraps
from importlib.util import find_spec
from types import FunctionType
from typing import Any, TypeVar, cast

HAS_COMPILER = find_spec("numba") is not None

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Make a function compiled at its first call, with those that it calls; without numba it stays what it is."""
    if not HAS_COMPILER:
        return function

    @wraps(function)
    def run(*arguments: Any) -> Any:
        return _with_callees(function)(*arguments)

    run.__dict__["is_compiled"] = True
    return cast(Function, run)


@cache
def _with_callees(function: Callable[..., Any]) -> Callable[..., Any]:
    globals_ = function.__globals__
    called = {name: globals_[name] for name in function.__code__.co_names if name in globals_}
    callees = {
        name: _with_callees(callee.__wrapped__)
        for name, callee in called.items()
        if getattr(callee, "is_compiled", False)
    }
    linked = FunctionType(function.__code__, globals_ | callees, function.__name__)
    linked.__qualname__ = function.__qualname__
    return compile_now(linked, error_model="numpy")


def compile_now(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Return the function compiled with these options of `numba.njit`, and kept on disk where there is a place."""
    import numba

    try:
        quick: Callable[..., Any] = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder that the compiled code could be kept in
        quick = numba.njit(**options)(function)
    return quick
