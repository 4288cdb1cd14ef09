"""Lines in LMDB, as PARSeq and what descends from CLOVA's benchmark take them: a database for each split.

Its keys are `num-samples`, and from 1 on `image-000000001` (the bytes of a PNG) and `label-000000001` (UTF-8).
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from kuzushiji.data.exchange.lines import LineImage, Lines
from kuzushiji.data.exchange.scans import Odd, Told, split_in
from kuzushiji.errors import DataError, Interrupted, KuzushijiError
from kuzushiji.extras import check_extras
from kuzushiji.processes import Ended, Report, Workers

_FILE = "data.mdb"
_COUNT = b"num-samples"
_LARGEST = 2**40
"""Bytes that a database may have; none of them is taken before it is needed."""
_DIGITS = 20
"""Of the number of lines; keys have nine."""
_FOLDERS = {"validation": "val"}
"""What PARSeq looks for where it is not called as here."""
_TOGETHER = 1000
"""So many lines are written at a time."""


def knows(source: Path) -> bool:
    """Whether a folder, or one in it, holds a database."""
    return bool(_folders(source))


def _folders(source: Path) -> list[Path]:
    folders = [source, *sorted(path for path in source.iterdir() if path.is_dir())] if source.is_dir() else []
    return [folder for folder in folders if (folder / _FILE).is_file()]


def read(source: Path, odd: Odd) -> dict[str, list[LineImage]]:
    """The lines of a folder by split; the images are kept in memory.

    Raises:
        DataError: a database is damaged or holds something else.
        KuzushijiError: lmdb is not installed.
    """
    check_extras("lmdb")
    splits: dict[str, list[LineImage]] = {}
    for folder in _folders(source):
        lines = splits.setdefault(split_in([folder.name]) or "train", [])
        with Workers(f"reading {folder}") as workers:  # LMDB believes what a file says, and a damaged one may kill it
            workers.start(folder.name, _tell_lines, folder)
            while workers and (told := workers.next()):
                _, done = told
                if isinstance(done, DataError):
                    raise done
                if isinstance(done, Ended):
                    if isinstance(done.error, Interrupted):
                        raise done.error
                    if done.error:
                        raise DataError(f"{folder / _FILE} is no database of LMDB, or damaged ({done.error})")
                elif done[2] is None:
                    odd.add("lines without an image or a label, left out", f"number {done[0]} of {folder}")
                else:
                    lines.append(LineImage(f"{done[0]:09d}", done[1], partial(bytes, done[2])))
    if not any(splits.values()):
        raise DataError(f"{source} has no line with an image and a label")
    return splits


def _tell_lines(report: Report, folder: Path) -> None:
    """Tells, in a process of its own, number, text and image of each line, or why there are none."""
    import lmdb

    try:
        with lmdb.open(str(folder), readonly=True, lock=False, create=False) as base, base.begin() as transaction:
            for line in _lines(transaction, folder):
                report(line)
    except DataError as error:
        report(error)
    except (lmdb.Error, OSError, MemoryError) as error:
        report(DataError(f"{folder / _FILE} is no database of LMDB, or damaged ({error})"))


def _lines(transaction: Any, folder: Path) -> Iterator[tuple[int, str, bytes | None]]:
    """Number, text and image of each line; None for the image of one that lacks something."""
    count = transaction.get(_COUNT)
    if count is None or not count.isdigit() or len(count) > _DIGITS:
        raise DataError(f"{folder / _FILE} has no num-samples; expected lines as PARSeq has them")
    if int(count) > (entries := transaction.stat()["entries"]):
        raise DataError(f"{folder / _FILE} has num-samples {int(count):,}, and {entries:,} entries in all")
    for number in range(1, int(count) + 1):
        image, label = (transaction.get(f"{kind}-{number:09d}".encode()) for kind in ("image", "label"))
        if not image or not label:
            yield number, "", None
            continue
        try:
            text = label.decode()
        except UnicodeDecodeError:
            raise DataError(f"{folder / _FILE} has a label-{number:09d} that is not in UTF-8") from None
        yield number, text, bytes(image)


def write(folder: Path, splits: Lines, told: Told) -> None:
    """Writes a database for each split.

    Raises:
        KuzushijiError: lmdb is not installed, or the disk is full.
    """
    check_extras("lmdb")
    import lmdb

    for split, lines in splits.items():
        place = folder / _FOLDERS.get(split, split)
        place.mkdir()
        try:
            with lmdb.open(str(place), map_size=_LARGEST) as base:
                _fill(base, lines, told)
        except lmdb.Error as error:
            raise KuzushijiError(f"{place} could not be written ({error})") from None


def _fill(base: Any, lines: Iterator[LineImage], told: Told) -> None:
    number, waiting = 0, {}
    for number, line in enumerate(lines, start=1):
        waiting[f"image-{number:09d}".encode()] = line.content()
        waiting[f"label-{number:09d}".encode()] = line.text.encode()
        if number % _TOGETHER == 0:
            _put(base, waiting)
        told(1)
    _put(base, waiting | {_COUNT: str(number).encode()})


def _put(base: Any, waiting: dict[bytes, bytes]) -> None:
    with base.begin(write=True) as transaction:
        for key, value in waiting.items():
            transaction.put(key, value)
    waiting.clear()
