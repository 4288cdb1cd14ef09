"""Image files -> pixels: one at a time, or a whole listing in parallel processes."""

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.data.files.allowance import Allowance
from kuzushiji.data.files.listing import Listing
from kuzushiji.data.images import Progress
from kuzushiji.data.splits import pixel_hash
from kuzushiji.errors import DataError
from kuzushiji.imaging.cut import to_square
from kuzushiji.imaging.ink import tones_of
from kuzushiji.imaging.polarity import BRIGHT_PAPER, DARK_PAPER, UNCLEAR, papers, told_apart
from kuzushiji.imaging.read import read_gray
from kuzushiji.imaging.several import count_images
from kuzushiji.processes import cores, run_parts

_ONE_PROCESS = 2048
"""For so many images one more process is worth its start."""


def sampled(listing: Listing, sample: int = 256) -> NDArray[np.int64]:
    """The positions of the images that say for all what is paper and what ink; the first image is among them."""
    return np.unique(np.linspace(0, len(listing) - 1, min(sample, len(listing))).astype(np.int64))


def paper_of(listing: Listing, allowance: Allowance, *, sample: int = 256) -> tuple[bool, bool]:
    """Whether images show dark ink on bright paper, and whether each of them can be asked for itself.

    Found from `sample` images, spread evenly over the listing.  They do if more than half of these do; each can be
    asked if it is clear of more than half of these.  An image that is not clear, a blank or inky one, is then taken as
    its neighbours are.
    """
    found = [
        (tones_of(Image.fromarray(pixels)).dark_ink, papers(pixels[None])[0] != UNCLEAR)
        for pixels, _ in _decoded(listing, sampled(listing, sample).tolist(), allowance)
    ]
    dark_ink, clear = zip(*found, strict=True)
    return sum(dark_ink) > len(found) / 2, sum(clear) > len(found) / 2


@dataclass(frozen=True)
class Decoded:
    """Where `decode_listing` put the pixels.

    Attributes:
        images: path of an npy file, uint8 (N, H, W), in the order of the listing, ink bright on black.
        hashes: (N,) bytes of `pixel_hash` of each image as it was in its file, before any change of size or polarity.
        notes: what is odd about the images, a sentence each.
    """

    images: Path
    hashes: NDArray[np.bytes_]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Job:
    """What each of the processes needs to know."""

    listing: Listing
    allowance: Allowance
    first: str
    side: int | None
    shape: tuple[int, int]
    invert: bool
    each: bool
    images: Path
    offset: int
    hashes: Path
    papers: Path
    counts: Path

    @property
    def chunk(self) -> int:
        """How many images are decoded before they are written: a few megabytes, and often enough for progress."""
        return max(1, min(512, 2**24 // (self.shape[0] * self.shape[1])))


def decode_listing(
    listing: Listing,
    folder: Path,
    *,
    side: int | None = None,
    progress: Progress | None = None,
    like: Listing | None = None,
) -> Decoded:
    """Decodes all images of a listing into files in `folder`, with as many processes as there are cores.

    Args:
        folder: where the files are written; a temporary folder of the caller, who removes it if this fails.
        side: bring all images to (side, side); if None they must have one size, which is kept.
        progress: called now and then with the number of images done and the number of all.
        like: the whole of which the listing is a part, for size, and paper and ink, to be as there.

    Raises:
        DataError: a file is not an image, is damaged or has another size; the message names it.
        OSError: the disk is full, or refuses in another way.
    """
    whole = like or listing
    allowance = Allowance(whole.root)
    ((first, _),) = _decoded(whole, [0], allowance)
    shape = (side, side) if side else (first.shape[0], first.shape[1])
    invert, each = paper_of(whole, allowance)
    images = folder / "decoded.npy"
    hashes, papers_file, counts = besides = (folder / "hashes", folder / "papers", folder / "counts")
    with open(images, "wb") as array:
        np.lib.format.write_array_header_1_0(
            array, {"descr": "|u1", "fortran_order": False, "shape": (len(listing), *shape)}
        )
        offset = array.tell()
    for file in besides:
        file.touch()
    job = _Job(listing, allowance, whole.called(0), side, shape, invert, each, images, offset, *besides)

    processes = min(cores(), -(-len(listing) // _ONE_PROCESS))
    done = 0
    with contextlib.closing(run_parts(_decode_part, job, processes, f"decoding {listing.root}")) as parts:
        for count in parts:
            done += count
            if progress is not None:
                progress(done, len(listing))
    found = np.fromfile(papers_file, np.int8)
    notes = [told_apart(int((found == BRIGHT_PAPER).sum()), int((found == DARK_PAPER).sum()))]
    if len(several := np.flatnonzero(np.fromfile(counts, bool))):
        what = "1 file" if len(several) == 1 else f"{len(several):,} files"
        notes.append(f"of {what} with several images, such as {listing.names[several[0]]}, the first alone is taken")
    told = tuple(f"{listing.root}: {note}" for note in notes if note)
    decoded = Decoded(images, np.fromfile(hashes, np.dtype("V32")), told)
    for file in besides:
        file.unlink()
    return decoded


def _decode_part(job: _Job, part: int, parts: int) -> Iterator[int]:
    """Decodes every `parts`-th chunk from the one numbered `part`, and yields the size of each when it is written."""
    count = len(job.listing)
    allowance = job.allowance.share(parts)
    pixels_an_image = job.shape[0] * job.shape[1]
    with (
        open(job.images, "r+b", buffering=0) as images,
        open(job.hashes, "r+b", buffering=0) as hashes,
        open(job.papers, "r+b", buffering=0) as paper_file,
        open(job.counts, "r+b", buffering=0) as count_file,
    ):
        for start in range(part * job.chunk, count, parts * job.chunk):
            positions = range(start, min(start + job.chunk, count))
            block = np.empty((len(positions), *job.shape), np.uint8)
            found, kinds, several = [], np.empty(len(positions), np.int8), np.empty(len(positions), bool)
            for row, (pixels, several[row]) in enumerate(_decoded(job.listing, positions, allowance)):
                found.append(pixel_hash(pixels))
                kinds[row] = papers(pixels[None])[0] if job.each else UNCLEAR
                if job.side:
                    pixels = to_square(pixels, job.side)
                elif pixels.shape != job.shape:
                    raise DataError(
                        f"{job.listing.called(start + row)} is {pixels.shape[1]}x{pixels.shape[0]} pixels, but "
                        f"{job.first} {job.shape[1]}x{job.shape[0]}; choose one size for all, "
                        "such as --image-size 64 (image_size=64)"
                    )
                block[row] = pixels
            inverted = kinds == BRIGHT_PAPER if not job.invert else kinds != DARK_PAPER
            block[inverted] = 255 - block[inverted]
            # Written, not mapped: on a full disk a write fails with an error, a mapped page kills the process.
            write_at(images, job.offset + start * pixels_an_image, block.tobytes())
            write_at(hashes, start * 32, b"".join(found))
            write_at(paper_file, start, kinds.tobytes())
            write_at(count_file, start, several.tobytes())
            yield len(positions)


def write_at(file: io.FileIO, position: int, content: bytes) -> None:
    """Writes all of `content` at a position of an unbuffered file."""
    file.seek(position)
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def pixel_hashes(listing: Listing, positions: list[int]) -> list[bytes]:
    """`pixel_hash` of the images at `positions`.

    Raises:
        DataError: a file is not an image, or is damaged; the message names it.
    """
    return [pixel_hash(pixels) for pixels, _ in _decoded(listing, positions, Allowance(listing.root))]


def _decoded(
    listing: Listing, positions: "range | list[int]", allowance: Allowance
) -> Iterator[tuple[NDArray[np.uint8], bool]]:
    """The pixels of the files at `positions`, and whether each holds several images."""
    for position, content in zip(positions, listing.contents(positions), strict=True):
        try:
            pixels = read_gray(content)
        except DataError as error:
            raise DataError(f"{listing.called(position)} {error}; remove it or fetch it again") from None
        allowance.take(pixels.size)
        yield pixels, count_images(content) > 1
