"""Ctrl-C as a request, for whatever ends where its state is whole."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ASK_AGAIN_SECONDS = 0.001
_IMPORTS = "<frozen importlib._bootstrap>"


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or request to terminate sets; a second one ends the program at once."""
    stop, interrupt = threading.Event(), _Interrupt()

    def note(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            interrupt(number, frame)
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread can handle signals
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held_back() -> Iterator[None]:
    """Lets Ctrl-C and a request to terminate wait until what belongs together is done, which takes no time."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in before:
            signal.signal(number, lambda number, frame: came.append(number))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def terminate_as_interrupted() -> None:
    """Lets a request to terminate do as Ctrl-C does, so that whatever is under way cleans up behind itself.

    Both wait until what is being imported is there: PyTorch ends the process, or is of no more use, after a half of it.
    """
    interrupt = _Interrupt()
    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where the caller lets it be ignored
        signal.signal(signal.SIGINT, interrupt)


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """As `terminate_as_interrupted`, for a while."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    terminate_as_interrupted()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Interrupt:
    """A handler of signals that raises KeyboardInterrupt, but not within an import that began after it was made."""

    def __init__(self) -> None:
        self._before = _count_imports(sys._getframe())

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if _count_imports(frame) <= self._before:
            raise KeyboardInterrupt
        later = threading.Timer(_ASK_AGAIN_SECONDS, _ask, (number,))
        later.daemon = True
        later.start()


def _count_imports(frame: FrameType | None) -> int:
    """How many functions of Python's imports are under way."""
    count = 0
    while frame is not None:
        count += frame.f_code.co_filename == _IMPORTS
        frame = frame.f_back
    return count


def _ask(number: int) -> None:
    """Sends a signal to the main thread, which wakes it."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, number)
    else:  # on Windows, where `os.kill` would end the process
        signal.raise_signal(number)


def end_at_once_with(code: int) -> None:
    """Lets Ctrl-C and a request to terminate end the process, where all is done and Python takes itself down."""
    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if handler is signal.default_int_handler or isinstance(handler, _Interrupt):  # not where it is ignored
            signal.signal(number, lambda *_: os._exit(code))
