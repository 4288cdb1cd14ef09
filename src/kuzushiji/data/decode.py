"""Image files -> pixels: one at a time, or a whole listing in parallel processes."""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from kuzushiji.data.listing import Listing
from kuzushiji.data.splits import pixel_hash
from kuzushiji.data.workers import cores, run_parts
from kuzushiji.errors import DataError

Progress = Callable[[int, int], None]
"""Called with how many are done and how many there are."""

_FORMATS = ("PNG", "JPEG", "JPEG2000", "WEBP", "TIFF", "BMP", "GIF")
_BEGINNINGS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"\0\0\0\x0cjP", b"\xffO\xffQ", b"RIFF", b"II*\0", b"MM\0*", b"GIF8")
_MOST_PIXELS = 2**26
_ONE_PROCESS = 2048
"""For so many images one more process is worth its start."""


def to_gray(content: bytes, *, draft: bool = False) -> NDArray[np.uint8]:
    """Decodes a PNG, JPEG, JPEG 2000, WebP, TIFF, BMP or GIF file to gray, uint8 (H, W).

    What is transparent becomes white, as a viewer shows it, or black if all that is visible is bright; a photo is
    turned as its camera was held; 16 bits become 8; of several images in a file the first counts.

    Args:
        draft: take the brightness of a JPEG as it is stored, which is several times as fast as to work out its colours
            and from them the brightness again; the two differ by rounding.

    Raises:
        DataError: it is not such an image, is damaged, or has over 67 million pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no user can act on what Pillow says of odd metadata
            with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                if draft:
                    image.draft("L", image.size)
                return gray_of(image)
    except UnidentifiedImageError:
        if content.startswith(_BEGINNINGS):
            raise DataError("is a damaged image (its header makes no sense)") from None
        start = content[:16]
        raise DataError(
            f"is not a PNG, JPEG, JPEG 2000, WebP, TIFF, BMP or GIF image: it begins with {start!r}"
        ) from None
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise DataError(f"is a damaged image ({error})") from None


def gray_of(image: Image.Image) -> NDArray[np.uint8]:
    """An open image as gray, uint8 (H, W), in the way of `to_gray`.

    Raises:
        DataError: it has over 67 million pixels, or pixels of a kind that is not read.
        OSError, SyntaxError, ValueError, EOFError: as Pillow raises them where the file is damaged.
    """
    if image.width * image.height > _MOST_PIXELS:
        raise DataError(f"has {image.width}x{image.height} pixels; the most that is read is {_MOST_PIXELS:,}")
    upright = image if image.format == "PNG" else ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        return _narrowed(np.asarray(upright))
    if "transparency" in image.info or upright.mode in ("LA", "PA", "RGBA", "La", "RGBa"):
        visible = upright.convert("RGBA")
        paper = "black" if _is_white_ink(visible) else "white"
        upright = Image.alpha_composite(Image.new("RGBA", visible.size, paper), visible)
    gray = upright if upright.mode == "L" else upright.convert("L")
    return np.frombuffer(gray.tobytes(), np.uint8).reshape(gray.height, gray.width)


def _is_white_ink(image: Image.Image) -> bool:
    """Whether all that is visible of a transparent image is bright, so that on white it would be lost."""
    opacity = image.getchannel("A")
    visible = np.asarray(opacity) > 127
    tones = np.asarray(image.convert("L"))[visible]
    return 0 < tones.size < visible.size and float((tones < 128).mean()) <= 0.01


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

    processes = min(cores(), -(-len(listing) // _ONE_PROCESS))
    done = 0
    with contextlib.closing(run_parts(_decode_part, job, processes, f"decoding {listing.root}")) as parts:
        for count in parts:
            done += count
            if progress is not None:
                progress(done, len(listing))
    return Decoded(images, np.fromfile(hashes, np.dtype("V32")))


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
            write_at(images, job.offset + start * pixels_an_image, block.tobytes())
            write_at(hashes, start * 32, b"".join(found))
            yield len(positions)


def write_at(file: io.FileIO, position: int, content: bytes) -> None:
    """Writes all of `content` at a position of an unbuffered file."""
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
