"""Ctrl-C as a request, for whatever ends where its state is whole."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or request to terminate sets; a second one ends the program at once."""
    stop = threading.Event()

    def note(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
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
    """Lets a request to terminate do as Ctrl-C does, so that whatever is under way cleans up behind itself."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """As `terminate_as_interrupted`, for a while."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    terminate_as_interrupted()
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def end_at_once_with(code: int) -> None:
    """Lets Ctrl-C and a request to terminate end the process, where all is done and Python takes itself down."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is signal.default_int_handler:  # not where the caller lets it be ignored
            signal.signal(number, lambda *_: os._exit(code))
