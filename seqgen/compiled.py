"""Functions on arrays that numba compiles when they are first called, if it is installed.

    @compiled()
    def double(row):
        for place in range(row.size):
            row[place] = twice(row[place])  # `twice` may be compiled as well, in any module

Compiling takes a second or more and needs no C compiler; the machine code is kept on disk. Numba itself is loaded at
the first call only, since it takes 60 MB and 0.2 s.

Before numba takes machine code from the disk it checks the file that defines the function, but not what the function
uses from other files. So the machine code is kept under a key of all of that: see `content_key`.
"""

import functools
import hashlib
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any, TypeVar, cast

HAS_COMPILER = find_spec("numba") is not None

# Everything that makes arithmetic fast, except what would let NaN and infinity pass unnoticed.
FAST_MATH = ("afn", "arcp", "contract", "nsz", "reassoc")

parallel_range = range  # where `is_parallel`, the loop that is divided among the threads

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(*, is_parallel: bool = False, is_fast: bool = False) -> Callable[[Function], Function]:
    """Return a decorator: its functions are compiled at their first call, with the compiled functions that they call.

    Without numba they stay as they are.

    Args:
        is_parallel: loops over `parallel_range` are divided among the threads, and other Python threads go on.
        is_fast: arithmetic may be reordered and approximated as `FAST_MATH` says.
    """

    def decorate(function: Function) -> Function:
        return cast(Function, _Compiled(function, is_parallel=is_parallel, is_fast=is_fast))

    return decorate


def by_type(choose: Callable[..., Callable[..., Any]]) -> Callable[..., Any]:
    """Make a function for use in compiled functions that differs by the types of its arguments.

    Args:
        choose: takes the types of the arguments, as numba knows them, and returns the function that is called.
    """
    return _ByType(choose)


class _Compiled:
    """A function that is compiled at its first call."""

    def __init__(self, function: Callable[..., Any], *, is_parallel: bool, is_fast: bool) -> None:
        functools.update_wrapper(self, function)
        self.function = cast(FunctionType, function)
        self.is_parallel = is_parallel
        self.is_fast = is_fast

    def __call__(self, *arguments: Any) -> Any:
        return self.linked(*arguments)

    @functools.cached_property
    def linked(self) -> Callable[..., Any]:
        """The function as numba compiles it, kept on disk where there is a place for it."""
        if not HAS_COMPILER:
            return self.function
        numba = _numba()
        options: dict[str, Any] = {
            "error_model": "numpy",
            "nogil": self.is_parallel,
            "parallel": self.is_parallel and numba.config.NUMBA_NUM_THREADS > 1 and _has_openmp(),
            "fastmath": set(FAST_MATH) if self.is_fast else False,
        }
        function = _link(self.function, is_parallel=options["parallel"])
        # Numba keeps machine code under a hash of the variables from enclosing functions, too: the key becomes one.
        code = function.__code__
        keyed = FunctionType(
            code.replace(co_freevars=(*code.co_freevars, "content_key")),
            function.__globals__,
            closure=(*(function.__closure__ or ()), CellType(content_key((self, options["parallel"])))),
        )
        keyed.__qualname__ = self.function.__qualname__
        try:
            return cast(Callable[..., Any], numba.njit(cache=True, **options)(keyed))
        except RuntimeError:  # there is no folder in which the machine code could be kept
            return cast(Callable[..., Any], numba.njit(**options)(keyed))


class _ByType:
    """A function that numba replaces by another one, depending on the types of its arguments."""

    def __init__(self, choose: Callable[..., Callable[..., Any]]) -> None:
        functools.update_wrapper(self, choose)
        self.function = cast(FunctionType, choose)

    def __call__(self, *arguments: Any) -> Any:
        raise NotImplementedError(f"{self.function.__name__} can only be called in compiled functions")

    @functools.cached_property
    def linked(self) -> Callable[..., Any]:
        """What numba replaces where it is called."""
        from numba.extending import overload

        @functools.wraps(self.function)
        def choose(*types: Any) -> Callable[..., Any]:
            return _link(self.function(*types), is_parallel=False)

        def replaced(*_: Any) -> None: ...

        overload(replaced, inline="always", strict=False)(choose)
        return replaced


def _link(function: FunctionType, *, is_parallel: bool) -> FunctionType:
    """Return the function with its globals as numba must see them."""
    linked = function.__globals__.copy()
    for name, value in _globals_of(function).items():
        if isinstance(value, _Compiled | _ByType):
            linked[name] = value.linked
        elif value is parallel_range and is_parallel:
            from numba import prange

            linked[name] = prange
    return FunctionType(function.__code__, linked, closure=function.__closure__)


def _globals_of(function: FunctionType) -> dict[str, Any]:
    """Return the globals that a function uses, by name."""
    return {name: function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__}


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def content_key(value: Any) -> str:
    """Return a hash of everything that the machine code of a function depends on.

    Raises:
        TypeError: it refers to something whose changes could not be noticed, as a list.
    """
    contents, seen, due = hashlib.sha256(), set(), [value]
    while due:
        value = due.pop()
        text, parts = _content(value)
        contents.update(f"{text} {len(parts)}\n".encode())
        if id(value) not in seen:  # functions may call each other
            due += parts
        if isinstance(value, FunctionType):
            seen.add(id(value))
    return contents.hexdigest()


def _content(value: Any) -> tuple[str, tuple[Any, ...]]:
    """Return a value's own content as text, and what it consists of or refers to."""
    match value:
        case _Compiled():
            return f"{value.is_parallel} {value.is_fast} {FAST_MATH}", (value.function,)
        case _ByType():
            return "", (value.function,)
        case FunctionType():
            cells = tuple(cell.cell_contents for cell in value.__closure__ or ())
            return value.__qualname__, (value.__code__, *sorted(_globals_of(value).items()), *cells)
        case CodeType():
            return f"{value.co_code.hex()} {value.co_names} {value.co_varnames}", value.co_consts
        case tuple():
            return type(value).__qualname__, value
        case type():
            return f"{value.__module__}.{value.__qualname__} {getattr(value, '_fields', '')}", ()
        case ModuleType() if not value.__name__.startswith("seqgen"):
            return value.__name__, ()  # of numpy; numba takes no machine code of another version of itself
        case frozenset():
            return "frozenset", tuple(sorted(value, key=repr))
        case int() | float() | complex() | str() | bytes() | None:
            return repr(value), ()
    raise TypeError(f"a compiled function may not refer to {value!r}, since changes of it would go unnoticed")


def _has_openmp() -> bool:
    """Tell whether numba has OpenMP; not on macOS, where two OpenMP libraries in one process end it."""
    return platform.system() == "Linux" and find_spec("numba.np.ufunc.omppool") is not None


_announcers: list[Callable[[], None]] = []


@contextmanager
def announced(announce: Callable[[], None]) -> Iterator[None]:
    """Call a function when the first compilation within the context begins; machine code from the disk is none.

    Of contexts within each other the innermost calls its function, and the others do not.
    """
    _announcers.append(announce)
    try:
        yield
    finally:
        if announce in _announcers:
            _announcers.remove(announce)


@functools.cache
def _numba() -> Any:
    """Return numba, which announces from now on what it compiles."""
    import numba
    from numba.core import event

    class Listener(event.Listener):  # type: ignore[misc, unused-ignore]  # numba has no types
        def on_start(self, _: Any) -> None:
            if _announcers:
                announce = _announcers[-1]
                _announcers.clear()
                announce()

        def on_end(self, _: Any) -> None: ...

    event.register("numba:compile", Listener())  # type: ignore[no-untyped-call, unused-ignore]
    return numba
