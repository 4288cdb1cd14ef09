"""Reading the pages that wait on a shelf, in processes of their own, which may die without a page being lost."""

import io
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy.exc import SQLAlchemyError

from kuzushiji.document.page import Page
from kuzushiji.errors import KuzushijiError
from kuzushiji.imaging.read import read_pixels
from kuzushiji.processes import Ended, Report, Workers
from kuzushiji.reading.reader import Reader
from kuzushiji.reading.readers import PageReader, decoded
from kuzushiji.serving.shelf import Looks, Shelf, printed

T = TypeVar("T")

log = logging.getLogger(__name__)

_PAUSE = 0.2
"""Seconds between two looks at the queue."""
_PATIENCE = 2
"""Seconds until it is tried again to write what could not be written."""
_LONGEST_SIDE, _THUMBNAIL = 5000, 360
"""Pixels of the pictures that browsers show."""


class Readers:
    """A context manager in which the pages of a shelf are read.

    Args:
        shelf: where they wait.
        model: the network that names characters; see `Reader`.
        processes: how many read at a time.
    """

    def __init__(self, shelf: Shelf, model: str | None = None, processes: int = 1) -> None:
        self._shelf, self._model, self._processes = shelf, model, processes
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._left.set()
        self._thread.join()

    def _watch(self) -> None:
        """Starts the processes, and another one where one ended."""
        reading: dict[int, str] = {}
        _patiently(self._shelf.begin_again, until=self._left)
        with Workers("reading pages", threads=1) as workers:
            for number in range(self._processes):
                self._start(workers, number)
            while not self._left.is_set():
                told = workers.next(timeout=_PAUSE)
                if told is None:
                    continue
                number, what = told
                if not isinstance(what, Ended):
                    reading[number] = what
                    continue
                if self._left.wait(1):
                    break  # it was asked to terminate as the room was
                log.warning("a process that read pages ended (%s); another begins", what.error)
                if number in reading:
                    _patiently(self._shelf.begin_again, reading.pop(number), until=self._left)
                self._start(workers, number)

    def _start(self, workers: Workers, number: int) -> None:
        workers.start(number, read_waiting, self._shelf.folder, self._shelf.database, self._model)


def _patiently(write: Callable[..., T], *arguments: Any, until: threading.Event | None = None) -> T | None:
    """What writes to the shelf, again and again while it can't: a disk is full until somebody makes room.

    Args:
        until: gives up, and gives None, when that is set.
    """
    until, told = until or threading.Event(), ""
    while True:
        try:
            return write(*arguments)
        except (KuzushijiError, SQLAlchemyError) as error:
            why = printed(error)
            if why != told:
                log.warning("the shelf can't be written, which is tried again: %s", why)
            told = why
        if until.wait(_PATIENCE):
            return None


def read_waiting(report: Report, folder: Path, database: str | None, model: str | None) -> None:
    """Reads whatever waits on a shelf, until the process is ended; reports the id of each page that it begins."""
    shelf = Shelf(folder, database)
    reader = Reader(model=model)
    while True:
        row = _patiently(shelf.claim)
        if row is None:
            time.sleep(_PAUSE)
            continue
        report(row["id"])
        try:
            page, looks = read_and_look(reader, shelf.content(row["image"]), row["name"])
        except KuzushijiError as error:
            _patiently(shelf.fail, row["id"], str(error))
        else:
            _patiently(shelf.finish, row["id"], page, looks)


def read_and_look(reader: PageReader, content: bytes, name: str) -> tuple[Page, Looks]:
    """Reads a page and makes its pictures, for which it is decoded once.

    Raises:
        DataError: it can't be read; the message names it.
    """
    name, sha256, pixels = decoded(content, name, read_pixels)
    looks = looks_of(pixels)
    page = reader(np.asarray(Image.fromarray(pixels).convert("L")), name)
    return replace(page, image=replace(page.image, sha256=sha256)), looks


def looks_of(pixels: NDArray[np.uint8]) -> Looks:
    """The pictures of a page, as every browser shows them.

    Args:
        pixels: as `read_pixels` gives them.
    """
    image = Image.fromarray(pixels)
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    small = image.copy()
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    return Looks(_jpeg(image), _jpeg(small))


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=88)
    return file.getvalue()
