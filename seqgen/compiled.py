"""Functions on arrays that are compiled by numba, if it is installed, when they are first called.

    @compiled()
    def double(row):
        for place in range(row.size):
            row[place] = twice(row[place])  # `twice` may be compiled as well, in any module

Compilation takes a second or more and needs no C compiler; machine code is cached on disk. Numba is loaded at the
first call, since it takes 60 MB and 0.2 s.

Numba's cache checks whether the file that defines a function has changed, but not whether anything that it uses from
other files has. Therefore the cache key includes the content of everything that a function uses, see `content_key`.
"""

import functools
import hashlib
import platform
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any, TypeVar, cast

from seqgen.process import signals_delayed

HAS_COMPILER = find_spec("numba") is not None

parallel_range = range  # if `is_parallel`, the loop is divided among threads

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(*, is_parallel: bool = False) -> Callable[[Function], Function]:
    """Return a decorator that compiles a function, and compiled functions that it calls, at its first call.

    Without numba, functions are left unchanged.

    Args:
        is_parallel: whether loops over `parallel_range` are divided among threads and the GIL is released.
    """

    def decorate(function: Function) -> Function:
        return cast(Function, _CompiledFunction(function, is_parallel=is_parallel))

    return decorate


def serial(function: Function) -> Function:
    """Return a compiled function without threads, for short loops: the same results, and a third less to compile."""
    return cast(Function, cast(_CompiledFunction, function).serial)


def by_type(choose: Callable[..., Callable[..., Any]]) -> Callable[..., Any]:
    """Return a function for compiled code whose implementation depends on the types of its arguments.

    Args:
        choose: takes the numba types of the arguments, and returns the function to be called.
    """
    return _ByType(choose)


def intrinsic(generate: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function for compiled code whose instructions are generated, see `numba.extending.intrinsic`.

    Args:
        generate: takes a context and the numba types of the arguments, and returns the signature and a function that
            takes a context, a builder, the signature and the values of the arguments, and returns the result.
    """
    return _Intrinsic(generate)


_interpreted: list[None] = []  # one item per context


@contextmanager
def interpreted() -> Iterator[None]:
    """Leave functions uncompiled in this context, for short tasks, except those with `is_parallel`."""
    _interpreted.append(None)
    try:
        yield
    finally:
        _interpreted.pop()


class _CompiledFunction:
    """A function that is compiled at its first call."""

    def __init__(self, function: Callable[..., Any], *, is_parallel: bool, has_threads: bool = True) -> None:
        functools.update_wrapper(self, function)
        self.function = cast(FunctionType, function)
        self.is_parallel = is_parallel
        self.has_threads = has_threads

    def __call__(self, *arguments: Any) -> Any:
        if _interpreted and not self.is_parallel:
            return self.function(*arguments)
        return self.linked(*arguments)

    @functools.cached_property
    def serial(self) -> "_CompiledFunction":
        """The function without threads."""
        return _CompiledFunction(self.function, is_parallel=self.is_parallel, has_threads=False)

    @functools.cached_property
    def linked(self) -> Callable[..., Any]:
        """The compiled function, cached on disk if possible."""
        if not HAS_COMPILER:
            return self.function
        numba = _numba()
        # No fast-math: the process that compiles a parallel loop runs code that was optimized once, later ones load
        # code that was optimized once more. If arithmetic could be reordered, they would compute different last bits.
        options: dict[str, Any] = {
            "error_model": "numpy",
            "nogil": self.is_parallel,
            "parallel": self.is_parallel and self.has_threads and _has_threads(),
        }
        function = _link(self.function, is_parallel=options["parallel"])
        # The key of numba's cache includes closure variables, so the content key becomes one.
        code = function.__code__
        keyed = FunctionType(
            code.replace(co_freevars=(*code.co_freevars, "content_key")),
            function.__globals__,
            closure=(*(function.__closure__ or ()), CellType(content_key((self, options["parallel"])))),
        )
        keyed.__qualname__ = self.function.__qualname__
        try:
            return cast(Callable[..., Any], numba.njit(cache=True, **options)(keyed))
        except RuntimeError:  # no folder for the cache is writable
            return cast(Callable[..., Any], numba.njit(**options)(keyed))


class _ByType:
    """A function that numba replaces by another, depending on the types of its arguments."""

    def __init__(self, choose: Callable[..., Callable[..., Any]]) -> None:
        functools.update_wrapper(self, choose)
        self.function = cast(FunctionType, choose)

    def __call__(self, *arguments: Any) -> Any:
        raise NotImplementedError(f"{self.function.__name__} can only be called in compiled functions")

    @functools.cached_property
    def linked(self) -> Callable[..., Any]:
        """The function that numba replaces in compiled code."""
        from numba.extending import overload

        @functools.wraps(self.function)
        def choose(*types: Any) -> Callable[..., Any]:
            return _link(self.function(*types), is_parallel=False)

        def replaced(*_: Any) -> None: ...

        overload(replaced, inline="always", strict=False)(choose)
        return replaced


class _Intrinsic(_ByType):
    """A function whose calls numba replaces by generated instructions."""

    @functools.cached_property
    def linked(self) -> Callable[..., Any]:
        """The function that numba replaces by instructions."""
        from numba.extending import intrinsic

        return cast(Callable[..., Any], intrinsic(self.function))


def _link(function: FunctionType, *, is_parallel: bool) -> FunctionType:
    """Return the function with its globals replaced by what numba can compile."""
    linked = function.__globals__.copy()
    for name, value in _globals_of(function).items():
        if isinstance(value, _CompiledFunction | _ByType):
            linked[name] = value.linked
        elif value is parallel_range and is_parallel:
            from numba import prange

            linked[name] = prange
    return FunctionType(function.__code__, linked, closure=function.__closure__)


def _globals_of(function: FunctionType) -> dict[str, Any]:
    """Return the globals used by a function, by name."""
    return {name: function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__}


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def content_key(value: Any) -> str:
    """Return a hash of everything that the machine code of a function depends on.

    Raises:
        TypeError: it refers to an object whose changes cannot be detected, such as a list.
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
    """Return the content of a value as text, and the values that it consists of or refers to."""
    match value:
        case _CompiledFunction():
            return repr(value.is_parallel), (value.function,)
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
            return value.__name__, ()  # such as numpy; numba does not load machine code of other versions
        case frozenset():
            return "frozenset", tuple(sorted(value, key=repr))
        case int() | float() | complex() | str() | bytes() | None:
            return repr(value), ()
    raise TypeError(f"a compiled function must not refer to {value!r}, whose changes cannot be detected")


def set_num_threads(count: int) -> None:
    """Divide loops over `parallel_range` among this number of threads, at most all that numba has."""
    if HAS_COMPILER and _has_threads():
        numba = _numba()
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))


def _has_threads() -> bool:
    """Return whether loops over `parallel_range` are divided among threads."""
    return _has_openmp() and _numba().config.NUMBA_NUM_THREADS > 1  # type: ignore[no-any-return, unused-ignore]


def _has_openmp() -> bool:
    """Return whether numba can use OpenMP; not on macOS, where two OpenMP libraries crash the process."""
    return platform.system() == "Linux" and find_spec("numba.np.ufunc.omppool") is not None


_announcers: list[Callable[[], None]] = []


@contextmanager
def announced(announce: Callable[[], None]) -> Iterator[None]:
    """Call a function before the first compilation in this context; loading machine code from disk does not count.

    If contexts are nested, only the function of the innermost one is called.
    """
    _announcers.append(announce)
    try:
        yield
    finally:
        if announce in _announcers:
            _announcers.remove(announce)


@functools.cache
def _numba() -> Any:
    """Return numba, with listeners that announce compilation and delay signals during it."""
    with signals_delayed():
        import numba
        from numba.core import event

    class Announcer(event.Listener):  # type: ignore[misc, unused-ignore]  # numba has no types
        def on_start(self, _: Any) -> None:
            if _announcers:
                announce = _announcers[-1]
                _announcers.clear()
                announce()

        def on_end(self, _: Any) -> None: ...

    class Delayer(event.Listener):  # type: ignore[misc, unused-ignore]
        """Delays signals while machine code is compiled or loaded: LLVM calls back, and ignores exceptions."""

        def __init__(self) -> None:
            self.delays: defaultdict[int, list[AbstractContextManager[None]]] = defaultdict(list)  # by thread

        def on_start(self, _: Any) -> None:
            delay = signals_delayed()
            delay.__enter__()
            self.delays[threading.get_ident()].append(delay)

        def on_end(self, _: Any) -> None:
            self.delays[threading.get_ident()].pop().__exit__(None, None, None)

    event.register("numba:compile", Announcer())  # type: ignore[no-untyped-call, unused-ignore]
    event.register("numba:compiler_lock", Delayer())  # type: ignore[no-untyped-call, unused-ignore]
    return numba
