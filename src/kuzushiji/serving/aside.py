"""Work on images that strangers sent, in a process of its own, which may die of them."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

T = TypeVar("T")


class Died(Exception):
    """The process died of a question, or took too long."""


class Aside:
    """A process that answers questions one after the other; another one begins where it dies.

    Args:
        seconds: that an answer may take.
    """

    def __init__(self, seconds: float = 30) -> None:
        self._seconds = seconds
        self._pool = _pool()

    async def ask(self, function: Callable[..., T], *arguments: Any) -> T:
        """What a function at the top of a module returns.

        Raises:
            Died: there is no answer.
        """
        pool = self._pool
        try:
            return await asyncio.wait_for(asyncio.wrap_future(pool.submit(function, *arguments)), self._seconds)
        except (BrokenProcessPool, TimeoutError) as error:
            if pool is self._pool:  # nobody began another one meanwhile
                self._pool = _pool()
                _end(pool)
            raise Died(f"no answer: {error or 'it took too long'}") from None

    def close(self) -> None:
        """Ends the process."""
        _end(self._pool)


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, get_context("spawn"), _begin)


def _end(pool: ProcessPoolExecutor) -> None:
    for process in list((pool._processes or {}).values()):
        with suppress(OSError, ValueError):
            process.kill()
    pool.shutdown(wait=False, cancel_futures=True)


def _begin() -> None:
    """Leaves Ctrl-C to the server, and ends when the server does, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    threading.Thread(target=_end_with_server, daemon=True).start()


def _end_with_server() -> None:
    server = parent_process()
    assert server is not None
    server.join()
    os._exit(1)
