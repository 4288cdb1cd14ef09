"""Characters cut out of pages: paper to black, ink to white, size in proportion; a page at a time, in parallel."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.data.decode import Progress, to_gray, write_at
from kuzushiji.data.pages import FileReader, Page
from kuzushiji.data.workers import cores, run_parts
from kuzushiji.errors import DataError

NOT_CUT, CUT, CLIPPED, OUTSIDE, BROKEN = range(5)
"""What became of a box: whether its character was cut, and if not why."""

_MARGIN = 0.25
"""How far around a box its paper is looked for, as a share of its longer side."""
_PAPER = 0.7
"""The paper is as bright as the pixel that is brighter than so many of those in and around the box."""
_INK = 0.03
"""The ink is as dark as the pixel that is darker than all but so many of those in the box."""
_BLACK, _WHITE = 0.2, 0.75
"""What is so far on the way from paper to ink becomes black and white: below is stained paper and what shows through
it from the other side, above the grain of the ink.  Characters then look as those of Kuzushiji-Kanji do."""
_LEAST_CONTRAST = 32
"""Between paper and ink, so that an empty box stays empty."""
_SEVERAL = 8
"""For so many pages one more process is worth its start."""


def cut_page(page: NDArray[np.uint8], boxes: NDArray[np.int32], side: int) -> NDArray[np.uint8]:
    """Cuts the characters out of a page.

    Each character is measured by the paper around it, as paper is stained and unevenly lit, and by its own ink, as the
    brush runs dry.  Neither may be far from what is usual on the page, which keeps empty boxes black.

    Args:
        page: uint8 (H, W), gray; dark ink on bright paper or the other way round.
        boxes: int32 (n, 4): left, top, width and height, all within the page.
        side: what the longer side of each character becomes; the shorter one keeps its proportion.

    Returns:
        uint8 (n, side, side), ink bright on black, each character in the middle.
    """
    cut = np.zeros((len(boxes), side, side), np.uint8)
    if not len(boxes):
        return cut
    image = Image.fromarray(page)
    within = [_histogram(image, box, 0) for box in boxes]
    around = [_histogram(image, box, round(_MARGIN * max(box[2], box[3]))) for box in boxes]
    if _is_dark_paper(np.sum(around, axis=0)):
        image = Image.fromarray(255 - page)
        within, around = [each[::-1] for each in within], [each[::-1] for each in around]
    paper = np.array([_quantile(histogram, _PAPER) for histogram in around])
    contrast = paper - np.array([_quantile(histogram, _INK) for histogram in within])
    usual_paper, usual_contrast = np.median(paper), max(np.median(contrast), _LEAST_CONTRAST)
    paper = np.maximum(paper, usual_paper - usual_contrast / 2)
    contrast = np.maximum(contrast, usual_contrast / 2)

    for place, (left, top, width, height) in enumerate(boxes.tolist()):
        ink = ((paper[place] - np.arange(256)) / contrast[place] - _BLACK) / (_WHITE - _BLACK)
        tones = (255 * ink.clip(0, 1)).astype(np.uint8).tolist()
        character = image.crop((left, top, left + width, top + height)).point(tones)
        scale = side / max(width, height)
        size = max(1, round(scale * width)), max(1, round(scale * height))
        resized = np.asarray(character.resize(size, Image.Resampling.BICUBIC))
        x, y = (side - size[0]) // 2, (side - size[1]) // 2
        cut[place, y : y + size[1], x : x + size[0]] = resized
    return cut


def _histogram(image: Image.Image, box: NDArray[np.int32], margin: int) -> NDArray[np.int64]:
    """How many pixels in and around a box have each of the 256 tones."""
    left, top, width, height = box.tolist()
    right, bottom = min(image.width, left + width + margin), min(image.height, top + height + margin)
    return np.array(image.crop((max(0, left - margin), max(0, top - margin), right, bottom)).histogram())


def _quantile(histogram: NDArray[np.int64], share: float) -> int:
    """The tone that `share` of the pixels do not exceed."""
    sums = histogram.cumsum()
    return int(np.searchsorted(sums, share * sums[-1]))


def _is_dark_paper(histogram: NDArray[np.int64]) -> bool:
    """Whether the ink is brighter than the paper.

    Most of what is in and around the boxes is paper: the median is one of its tones, and the ink lies far to one side.
    """
    darkest, median, brightest = (_quantile(histogram, share) for share in (0.02, 0.5, 0.98))
    return brightest - median > median - darkest


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
