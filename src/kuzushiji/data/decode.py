"""Image files -> pixels: one at a time, or a whole listing in parallel processes.

Decoding a small PNG is mostly Python's own work, so that threads only wait for each other (two of them are slower than
one); processes share it well.  They are started as plain `python` processes rather than through `multiprocessing`,
which on most systems runs the caller's script a second time in each of them.
"""

import contextlib
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from kuzushiji.data.listing import Listing
from kuzushiji.data.splits import pixel_hash
from kuzushiji.errors import DataError, KuzushijiError

Progress = Callable[[int, int], None]
"""Called with how many are done and how many there are."""

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
_BEGINNINGS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"RIFF", b"II*\0", b"MM\0*")
_MOST_PIXELS = 2**26
_ONE_PROCESS = 2048
"""For so many images one more process is worth its start."""


def to_gray(content: bytes) -> NDArray[np.uint8]:
    """Decodes a PNG, JPEG, WebP, TIFF or BMP file to gray, uint8 (H, W).

    What is transparent becomes white, as a viewer shows it; a photo is turned as its camera was held; 16 bits become 8.

    Raises:
        DataError: it is not such an image, is damaged, or has over 67 million pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no user can act on what Pillow says of odd metadata
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                return _gray(image)
    except UnidentifiedImageError:
        if content.startswith(_BEGINNINGS):
            raise DataError("is a damaged image (its header makes no sense)") from None
        start = content[:16]
        raise DataError(f"is not a PNG, JPEG, WebP, TIFF or BMP image: it begins with {start!r}") from None
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise DataError(f"is a damaged image ({error})") from None


def _gray(image: ImageFile) -> NDArray[np.uint8]:
    if image.width * image.height > _MOST_PIXELS:
        raise DataError(f"has {image.width}x{image.height} pixels; the most that is read is {_MOST_PIXELS:,}")
    upright: Image.Image = image if image.format == "PNG" else ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        return _narrowed(np.asarray(upright))
    if "transparency" in image.info or upright.mode in ("LA", "PA", "RGBA", "La", "RGBa"):
        paper = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(paper, upright.convert("RGBA"))
    gray = upright if upright.mode == "L" else upright.convert("L")
    return np.frombuffer(gray.tobytes(), np.uint8).reshape(gray.height, gray.width)


def _narrowed(values: NDArray) -> NDArray[np.uint8]:
    """16-bit gray as 8-bit."""
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > 0xFFFF:
        raise DataError(f"has {values.dtype} pixels from {values.min()} to {values.max()}; expected 8 or 16 bits")
    return (values.astype(np.uint32) * 255 // 0xFFFF).astype(np.uint8)


def to_square(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Brings an image to (side, side): padded to a square around its middle, then resized.

    Proportions are kept, because a squeezed character may look like another one.  The padding has the tone of the
    paper, which is the median, as most of an image of a character is paper.
    """
    height, width = pixels.shape
    if height != width:
        square = max(height, width)
        top, left = (square - height) // 2, (square - width) // 2
        padded = np.full((square, square), np.uint8(np.median(pixels)))
        padded[top : top + height, left : left + width] = pixels
        pixels = padded
    if len(pixels) == side:
        return pixels
    resized = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    return np.frombuffer(resized.tobytes(), np.uint8).reshape(side, side)


def has_bright_paper(listing: Listing, *, sample: int = 256) -> bool:
    """Whether the images show dark ink on bright paper, and so must be inverted.

    Most of an image of a character is paper: the paper is bright if the median pixel is above 127 in more than half
    of `sample` images that are spread evenly over the listing.  One answer holds for a whole source, so that a
    single blank or inky image does not get another polarity than its neighbours.
    """
    positions = np.unique(np.linspace(0, len(listing) - 1, min(sample, len(listing))).astype(int))
    medians = [np.median(pixels) for pixels in _decoded(listing, positions.tolist())]
    return float(np.mean(np.array(medians) > 127)) > 0.5


@dataclass(frozen=True)
class Decoded:
    """Where `decode_listing` put the pixels.

    Attributes:
        images: path of an npy file, uint8 (N, H, W), in the order of the listing, ink bright on black.
        hashes: (N,) bytes of `pixel_hash` of each image as it was in its file, before any change of size or polarity.
    """

    images: Path
    hashes: NDArray[np.bytes_]


@dataclass(frozen=True)
class _Job:
    """What each of the processes needs to know."""

    listing: Listing
    side: int | None
    shape: tuple[int, int]
    invert: bool
    images: Path
    offset: int
    hashes: Path

    @property
    def chunk(self) -> int:
        """How many images are decoded before they are written: a few megabytes, and often enough for progress."""
        return max(1, min(512, 2**24 // (self.shape[0] * self.shape[1])))


def decode_listing(
    listing: Listing, folder: Path, *, side: int | None = None, progress: Progress | None = None
) -> Decoded:
    """Decodes all images of a listing into files in `folder`, with as many processes as there are cores.

    Args:
        folder: where the files are written; a temporary folder of the caller, who removes it if this fails.
        side: bring all images to (side, side); if None they must have one size, which is kept.
        progress: called now and then with the number of images done and the number of all.

    Raises:
        DataError: a file is not an image, is damaged or has another size; the message names it.
        OSError: the disk is full, or refuses in another way.
    """
    (first,) = _decoded(listing, [0])
    shape = (side, side) if side else (first.shape[0], first.shape[1])
    invert = has_bright_paper(listing)
    images, hashes = folder / "decoded.npy", folder / "hashes"
    with open(images, "wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (len(listing), *shape)}
        )
        offset = file.tell()
    hashes.touch()
    job = _Job(listing, side, shape, invert, images, offset, hashes)

    processes = min(_cores(), -(-len(listing) // _ONE_PROCESS))
    done = 0
    with contextlib.closing(_run_parts(job, processes)) as parts:
        for count in parts:
            done += count
            if progress is not None:
                progress(done, len(listing))
    return Decoded(images, np.fromfile(hashes, np.dtype("V32")))


def _run_parts(job: _Job, processes: int) -> Generator[int, None, None]:
    """Does the job here or in processes, and yields the size of each chunk that is done."""
    if processes <= 1:
        yield from _decode_part(job, 0, 1)
        return
    # All report into one pipe, a line a chunk: lines this short are never torn apart.
    read_end, write_end = os.pipe()
    # -P: a file in the working folder that is called as a standard module must not be taken for it.
    command = [sys.executable, "-P", "-c", "from kuzushiji.data.decode import work; work()"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    workers: list[subprocess.Popen] = []
    try:
        with open(read_end, encoding="utf-8") as reports:
            try:
                for part in range(processes):
                    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=write_end, env=environment)
                    workers.append(worker)
                    assert worker.stdin is not None
                    with worker.stdin:
                        pickle.dump((job, part, processes), worker.stdin)
            finally:
                os.close(write_end)
            for line in reports:
                report = json.loads(line)
                if "data_error" in report:
                    raise DataError(report["data_error"])
                if "os_error" in report:
                    raise OSError(*report["os_error"])
                yield report["done"]
        for worker in workers:
            if worker.wait() != 0:
                raise KuzushijiError(
                    f"a process that decodes {job.listing.root} ended with code {worker.returncode}; "
                    "if memory was short, try again with fewer programs open"
                )
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _decode_part(job: _Job, part: int, parts: int) -> Iterator[int]:
    """Decodes every `parts`-th chunk from the one numbered `part`, and yields the size of each when it is written."""
    count = len(job.listing)
    pixels_an_image = job.shape[0] * job.shape[1]
    with open(job.images, "r+b", buffering=0) as images, open(job.hashes, "r+b", buffering=0) as hashes:
        for start in range(part * job.chunk, count, parts * job.chunk):
            positions = range(start, min(start + job.chunk, count))
            block = np.empty((len(positions), *job.shape), np.uint8)
            found = []
            for row, pixels in enumerate(_decoded(job.listing, positions)):
                found.append(pixel_hash(pixels))
                if job.side:
                    pixels = to_square(pixels, job.side)
                elif pixels.shape != job.shape:
                    raise DataError(
                        f"{_name(job.listing, start + row)} is {pixels.shape[1]}x{pixels.shape[0]} pixels, but "
                        f"{_name(job.listing, 0)} {job.shape[1]}x{job.shape[0]}; choose one size for all, "
                        "such as --image-size 64 (image_size=64)"
                    )
                block[row] = pixels
            if job.invert:
                np.subtract(255, block, out=block)
            # Written, not mapped: on a full disk a write fails with an error, a mapped page kills the process.
            _write_at(images, job.offset + start * pixels_an_image, block.tobytes())
            _write_at(hashes, start * 32, b"".join(found))
            yield len(positions)


def _write_at(file: io.FileIO, position: int, content: bytes) -> None:
    file.seek(position)
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def _decoded(listing: Listing, positions: "range | list[int]") -> Iterator[NDArray[np.uint8]]:
    for position, content in zip(positions, listing.contents(positions), strict=True):
        try:
            pixels = to_gray(content)
        except DataError as error:
            raise DataError(f"{_name(listing, position)} {error}; remove it or fetch it again") from None
        yield pixels


def _name(listing: Listing, position: int) -> str:
    name = listing.names[position]
    return f"{listing.root / name}" if listing.places is None else f"{name} in {listing.root}"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def work() -> None:
    """The main function of a decoding process: a job from stdin, reports to stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the caller as well, who ends this process
    job, part, parts = pickle.load(sys.stdin.buffer)
    try:
        for count in _decode_part(job, part, parts):
            _report(done=count)
    except DataError as error:
        _report(data_error=str(error)[:2000])
    except BrokenPipeError:
        pass  # the caller is gone
    except OSError as error:
        _report(os_error=[error.errno, error.strerror])


def _report(**content: object) -> None:
    os.write(sys.stdout.fileno(), (json.dumps(content) + "\n").encode())
