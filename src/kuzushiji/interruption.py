"""Ctrl-C as a request, for whatever ends where its state is whole."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ASK_AGAIN_SECONDS = 0.001
_IMPORTS = "<frozen importlib._bootstrap>"


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or request to terminate sets; a second one ends the program at once."""
    stop = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            _interrupt(number, frame)
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
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where the caller lets it be ignored
        signal.signal(signal.SIGINT, _interrupt)


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


def _interrupt(number: int, frame: FrameType | None) -> None:
    while frame is not None and frame.f_code.co_filename != _IMPORTS:
        frame = frame.f_back
    if frame is None:
        raise KeyboardInterrupt
    later = threading.Timer(_ASK_AGAIN_SECONDS, os.kill, (os.getpid(), number))
    later.daemon = True
    later.start()


def end_at_once_with(code: int) -> None:
    """Lets Ctrl-C and a request to terminate end the process, where all is done and Python takes itself down."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) in (signal.default_int_handler, _interrupt):
            signal.signal(number, lambda *_: os._exit(code))
