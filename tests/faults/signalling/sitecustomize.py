"""Sends a signal at a chosen moment of training; Python imports a module of this name when it starts.

`FAULT` is "RANK MODULE:NAME COUNT SIGNAL WHOM": the first time that process RANK is started (0 if it is the only
one), it sends the signal to itself or to its parent when it calls the function or method for the COUNT-th time. After
a signal to its parent, it waits until the parent sends it SIGTERM.
"""

import importlib.util
import os
import signal
import sys
import time
from functools import reduce, wraps

RANK, PLACE, COUNT, SIGNAL, WHOM = os.environ["FAULT"].split()
MODULE, _, NAME = PLACE.partition(":")


class Finder:
    """Finds the module, and wraps the function when the module is loaded."""

    @classmethod
    def find_spec(cls, name, path, target=None):
        if name != MODULE:
            return None
        sys.meta_path.remove(cls)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def load_and_wrap(module):
            load(module)
            *owners, last = NAME.split(".")
            owner = reduce(getattr, owners, module)
            setattr(owner, last, counted(getattr(owner, last)))

        spec.loader.exec_module = load_and_wrap
        return spec


def counted(function):
    calls = iter(range(1, int(COUNT) + 1))

    @wraps(function)
    def call(*arguments, **options):
        if next(calls, None) == int(COUNT):
            send()
        return function(*arguments, **options)

    return call


def send():
    number = signal.Signals[SIGNAL]
    if WHOM == "self":
        os.kill(os.getpid(), number)
        return
    before, received = signal.getsignal(signal.SIGTERM), []
    signal.signal(signal.SIGTERM, lambda *given: received.append(before(*given)))
    os.kill(os.getppid(), number)
    while not received:
        time.sleep(0.01)
    signal.signal(signal.SIGTERM, before)


if os.environ.get("RANK", "0") == RANK and os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0":
    sys.meta_path.insert(0, Finder)
