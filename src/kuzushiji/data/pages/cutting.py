"""Characters cut out of pages: paper to black, ink to white, size in proportion; a page at a time, in parallel."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.files.allowance import Allowance
from kuzushiji.data.files.decode import write_at
from kuzushiji.data.images import Progress
from kuzushiji.data.pages.files import FileReader, PageFile
from kuzushiji.document import geometry
from kuzushiji.errors import DataError
from kuzushiji.imaging.cut import cut
from kuzushiji.imaging.read import read_gray
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

    pages: Sequence[tuple[PageFile, NDArray[np.int32]]]
    allowance: Allowance
    starts: Sequence[int]
    side: int
    images: Path
    offset: int
    fates: Path
    hashes: Path


def cut_pages(
    pages: Sequence[tuple[PageFile, NDArray[np.int32]]],
    folder: Path,
    *,
    side: int,
    allowance: Allowance,
    progress: Progress | None = None,
) -> CutPages:
    """Cuts the characters out of many pages into files in `folder`, with as many processes as there are cores.

    No more than a page for each process is in memory at a time.

    Args:
        pages: the image of each page, and the boxes on it, int32 (n, 4): left, top, width and height.
        folder: where the files are written; a temporary folder of the caller, who removes it if this fails.
        side: pixels of a character's longer side.
        allowance: how many pixels the pages may have.
        progress: called now and then with the number of characters done and the number of all.

    Raises:
        DataError: they have more pixels than files of so few bytes have.
        OSError: the disk is full, or refuses in another way.
    """
    starts = np.cumsum([0, *(len(boxes) for _, boxes in pages)]).tolist()
    images, fates, hashes = folder / "cut.npy", folder / "fates", folder / "hashes"
    with open(images, "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (starts[-1], side, side)}
        np.lib.format.write_array_header_1_0(file, header)
        offset = file.tell()
        file.truncate(offset + starts[-1] * side * side)
    fates.write_bytes(bytes(starts[-1]))
    hashes.write_bytes(bytes(32 * len(pages)))
    job = _Job(pages, allowance, starts, side, images, offset, fates, hashes)

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
    allowance = job.allowance.share(parts)
    with (
        FileReader() as reader,
        open(job.images, "r+b", buffering=0) as images,
        open(job.fates, "r+b", buffering=0) as fates,
        open(job.hashes, "r+b", buffering=0) as hashes,
    ):
        for number in range(part, len(job.pages), parts):
            (image, boxes), start = job.pages[number], job.starts[number]
            fate, pixels = np.full(len(boxes), BROKEN, np.uint8), 0
            with contextlib.suppress(DataError):
                content = reader.content(image)
                write_at(hashes, 32 * number, hashlib.sha256(content).digest())
                gray = read_gray(content)
                pixels = gray.size
                boxes, fate = clip(boxes, gray.shape)
                is_cut = (fate == CUT) | (fate == CLIPPED)
                characters = np.zeros((len(boxes), job.side, job.side), np.uint8)
                characters[is_cut] = cut(gray, boxes[is_cut], (job.side, job.side))
                # Written, not mapped: on a full disk a write fails with an error, a mapped page kills the process.
                write_at(images, job.offset + start * job.side**2, characters.tobytes())
            allowance.take(pixels)
            write_at(fates, start, fate.tobytes())
            yield len(boxes)


def clip(boxes: NDArray[np.int32], shape: tuple[int, int]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Cuts boxes off at the edge of their page.

    Args:
        boxes: int32 (n, 4): left, top, width and height.
        shape: height and width of the page.

    Returns:
        The boxes, and uint8 (n,): `CUT` for what is within the page, `CLIPPED` for what was cut off, `OUTSIDE` for
        what has no part in the page.
    """
    within = geometry.clip(boxes, shape[::-1])
    fate = np.where((within != boxes).any(axis=1), CLIPPED, CUT)
    fate[(within[:, 2:] <= 0).any(axis=1)] = OUTSIDE
    return within, fate.astype(np.uint8)
