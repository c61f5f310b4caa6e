"""Cached machine code is used only if nothing that it was compiled from has changed."""

import importlib
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from seqgen.compiled import announced, by_type, compiled, content_key, interpreted, parallel_range, serial

CALLER = """
from seqgen.compiled import compiled
from {package}.callee import OFFSET, Pair, scaled, of_type

@compiled({options})
def measured(value):
    pair = Pair(value, OFFSET)
    return of_type(scaled(pair.first)) + pair.second
"""
CALLEE = {
    "constant": "OFFSET = 1",
    "fields": "class Pair(NamedTuple):\n    first: float\n    second: float",
    "factor": "FACTOR = 10.0",
    "function": "def scaled(value):\n    return FACTOR * value",
    "implementation": "def _same(value):\n    return value",
}
CHANGES = {
    "constant": ("OFFSET = 5", 35.0),
    "fields": ("class Pair(NamedTuple):\n    second: float\n    first: float", 13.0),
    "factor": ("FACTOR = 20.0", 61.0),
    "function": ("def scaled(value):\n    return FACTOR * value * 3", 91.0),
    "implementation": ("def _same(value):\n    return -value", -29.0),
}


@pytest.fixture
def write_package(tmp_path, monkeypatch):
    """Write a package whose compiled function uses various objects of another file, and import it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    name = f"package_{tmp_path.name}"
    folder = tmp_path / name
    folder.mkdir()

    def write(options="", **changes):
        parts = CALLEE | changes
        header = "from typing import NamedTuple\nfrom seqgen.compiled import by_type, compiled\n"
        by_type_function = "@by_type\ndef of_type(value):\n    return _same"
        source = [header, *list(parts.values())[:3], "@compiled()", *list(parts.values())[3:], by_type_function]
        (folder / "callee.py").write_text("\n".join(source))
        (folder / "caller.py").write_text(CALLER.format(package=name, options=options))
        for module in [module for module in sys.modules if module.startswith(name)]:
            del sys.modules[module]
        importlib.invalidate_caches()
        return importlib.import_module(f"{name}.caller").measured

    yield write
    for module in [module for module in sys.modules if module.startswith(name)]:
        del sys.modules[module]


def num_hits(function):
    return sum(function.linked.stats.cache_hits.values())


def test_machine_code_is_cached_until_something_that_it_uses_changes(write_package):
    compilations = []
    with announced(lambda: compilations.append("begun")):
        assert write_package()(3.0) == 31.0
    assert compilations == ["begun"]  # once for any number of functions
    again = write_package()
    with announced(lambda: pytest.fail("compiled again")):
        assert again(3.0) == 31.0
    assert num_hits(again) == 1
    for name, (source, expected) in CHANGES.items():
        changed = write_package(**{name: source})
        assert changed(3.0) == expected, name
        assert num_hits(changed) == 0, name


def test_machine_code_is_not_shared_between_options(write_package):
    assert write_package()(3.0) == 31.0
    parallel = write_package("is_parallel=True")
    assert parallel(3.0) == 31.0
    assert num_hits(parallel) == 0


def test_everything_that_seqgen_compiles_has_a_key():
    kinds = (type(compiled()(int)), type(by_type(lambda value: int)))
    folder = Path(__file__).parent.parent / "seqgen"
    names = [".".join(path.relative_to(folder.parent).with_suffix("").parts) for path in folder.rglob("*.py")]
    found = []
    for name in sorted(name for name in names if not name.endswith("__main__")):
        found += [value for value in vars(importlib.import_module(name)).values() if isinstance(value, kinds)]
    keys = {content_key(value) for value in found}
    assert len(keys) == len({id(value) for value in found}) > 40


def test_references_to_mutable_objects_are_rejected():
    @compiled()
    def first(row):
        return TABLE[0] + row

    with pytest.raises(TypeError, match=r"must not refer to \[1, 2\]"):
        first(3)


def test_a_function_by_type_cannot_be_called_from_python():
    with pytest.raises(NotImplementedError, match="chosen can only be called in compiled functions"):
        chosen(np.float32(1))


TABLE = [1, 2]


@by_type
def chosen(value):
    return np.abs


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_arrives_while_llvm_calls_back_is_delayed_until_the_function_is_compiled_or_loaded(
    number, monkeypatch, capfd
):
    """Exceptions in callbacks from C are printed as ignored, and the program goes on."""
    from numba.core.codegen import CPUCodeLibrary

    received = []

    def is_caching(library):
        if sys._getframe(1).f_code.co_name in ("_object_compiled_hook", "_object_getbuffer_hook"):
            received.append(number)
            signal.raise_signal(number)
        return library.is_caching

    caching = property(is_caching, lambda library, value: setattr(library, "is_caching", value))
    monkeypatch.setattr(CPUCodeLibrary, "_object_caching_enabled", caching, raising=False)

    @compiled()
    def doubled(value):
        return 2 * value

    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            doubled(np.float32(number))
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert received
    assert capfd.readouterr().err == ""
    assert doubled(np.float32(4)) == 8


def test_functions_are_interpreted_on_request_except_parallel_ones():
    def third(x):
        return x / np.float32(3)

    plain, parallel = compiled()(third), compiled(is_parallel=True)(third)
    with interpreted():
        assert plain(np.float32(2)) == parallel(np.float32(2)) == serial(parallel)(np.float32(2))
    assert "linked" not in vars(plain)
    assert "linked" in vars(parallel)
    assert "linked" in vars(serial(parallel))
    assert plain(np.float32(2)) == pytest.approx(2 / 3)
    assert "linked" in vars(plain)


def test_a_serial_function_has_the_same_results():
    def root(values, roots):
        for place in parallel_range(values.size):
            roots[place] = np.sqrt(values[place])

    function, values = compiled(is_parallel=True)(root), np.linspace(0, 9, 101, dtype=np.float32)
    assert serial(function) is serial(function)
    for each in (function, serial(function)):
        roots = np.zeros_like(values)
        each(values, roots)
        np.testing.assert_array_equal(roots, np.sqrt(values))
