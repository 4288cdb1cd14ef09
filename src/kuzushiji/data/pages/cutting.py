"""Characters cut out of pages: paper to black, ink to white, size in proportion; a page at a time, in parallel."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.files.decode import Progress, write_at
from kuzushiji.data.pages.tables import FileReader, Page
from kuzushiji.errors import DataError
from kuzushiji.imaging.cut import cut_page
from kuzushiji.imaging.read import to_gray
from kuzushiji.processes import cores, run_parts

NOT_CUT, CUT, CLIPPED, OUTSIDE, BROKEN = range(5)
"""What became of a box: whether its character was cut, and if not why."""

_SEVERAL = 8
"""For so many pages one more process is worth its start."""


@dataclass(frozen=True)
class CutPages:
    """Where `cut_pages` put the characters, in the order of the pages and of the boxes on each.

    Attributes:
        images: path of an npy file, uint8 (N, side, side); rows that are not cut are black.
        fates: uint8 (N,), what became of each box: `CUT`, `CLIPPED`, `OUTSIDE` or `BROKEN`.
        hashes: SHA-256 of the file of each page, (P,) bytes; zeros where it could not be read.
    """

    images: Path
    fates: NDArray[np.uint8]
    hashes: NDArray[np.bytes_]


@dataclass(frozen=True)
class _Job:
    """What each of the processes needs to know."""

    pages: Sequence[Page]
    starts: Sequence[int]
    side: int
    images: Path
    offset: int
    fates: Path
    hashes: Path


def cut_pages(pages: Sequence[Page], folder: Path, *, side: int, progress: Progress | None = None) -> CutPages:
    """Cuts the characters out of many pages into files in `folder`, with as many processes as there are cores.

    No more than a page for each process is in memory at a time.

    Args:
        pages: the pages, each with an image.
        folder: where the files are written; a temporary folder of the caller, who removes it if this fails.
        side: pixels of a character's longer side.
        progress: called now and then with the number of characters done and the number of all.

    Raises:
        OSError: the disk is full, or refuses in another way.
    """
    starts = np.cumsum([0, *map(len, pages)]).tolist()
    images, fates, hashes = folder / "cut.npy", folder / "fates", folder / "hashes"
    with open(images, "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (starts[-1], side, side)}
        np.lib.format.write_array_header_1_0(file, header)
        offset = file.tell()
        file.truncate(offset + starts[-1] * side * side)
    fates.write_bytes(bytes(starts[-1]))
    hashes.write_bytes(bytes(32 * len(pages)))
    job = _Job(pages, starts, side, images, offset, fates, hashes)

    processes = min(cores(), -(-len(pages) // _SEVERAL))
    done = 0
    with contextlib.closing(run_parts(_cut_part, job, processes, "cutting pages")) as parts:
        for count in parts:
            done += count
            if progress is not None:
                progress(done, starts[-1])
    found = CutPages(images, np.fromfile(fates, np.uint8), np.fromfile(hashes, np.dtype("V32")))
    fates.unlink()
    hashes.unlink()
    return found


def _cut_part(job: _Job, part: int, parts: int) -> Iterator[int]:
    """Cuts every `parts`-th page from the one numbered `part`, and yields the number of boxes on each."""
    with (
        FileReader() as reader,
        open(job.images, "r+b", buffering=0) as images,
        open(job.fates, "r+b", buffering=0) as fates,
        open(job.hashes, "r+b", buffering=0) as hashes,
    ):
        for number in range(part, len(job.pages), parts):
            page, start = job.pages[number], job.starts[number]
            fate = np.full(len(page), BROKEN, np.uint8)
            with contextlib.suppress(DataError):
                assert page.image is not None
                content = reader.read(page.image)
                write_at(hashes, 32 * number, hashlib.sha256(content).digest())
                gray = to_gray(content, draft=True)
                boxes, fate = clip(page.boxes, gray.shape)
                is_cut = (fate == CUT) | (fate == CLIPPED)
                cut = np.zeros((len(page), job.side, job.side), np.uint8)
                cut[is_cut] = cut_page(gray, boxes[is_cut], job.side)
                # Written, not mapped: on a full disk a write fails with an error, a mapped page kills the process.
                write_at(images, job.offset + start * job.side**2, cut.tobytes())
            write_at(fates, start, fate.tobytes())
            yield len(page)


def clip(boxes: NDArray[np.int32], shape: tuple[int, int]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Cuts boxes off at the edge of their page.

    Args:
        boxes: int32 (n, 4): left, top, width and height.
        shape: height and width of the page.

    Returns:
        The boxes, and uint8 (n,): `CUT` for what is within the page, `CLIPPED` for what was cut off, `OUTSIDE` for
        what has no part in the page.
    """
    first = boxes[:, :2].astype(np.int64)
    last = first + boxes[:, 2:]
    inner_first, inner_last = np.maximum(first, 0), np.minimum(last, shape[::-1])
    fate = np.where(((first != inner_first) | (last != inner_last)).any(axis=1), CLIPPED, CUT)
    fate[(inner_first >= inner_last).any(axis=1)] = OUTSIDE
    return np.hstack([inner_first, inner_last - inner_first]).astype(np.int32), fate.astype(np.uint8)
