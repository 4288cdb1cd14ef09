"""Any image -> pixels: a file of any kind, its bytes, a Pillow image or an array; one way for all that reads images.

However an image comes, it is upright (the orientation in its metadata is carried out), has 8 bits (more of them are
narrowed by the range that they fill), and what is transparent is paper.
"""

import io
import os
import re
import stat
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from kuzushiji.errors import DataError
from kuzushiji.files import expanded
from kuzushiji.imaging.kinds import ALSO, READ, kind_of

Source = str | Path | bytes | bytearray | memoryview | BinaryIO | Image.Image | NDArray[Any]
"""An image: a path, the bytes of a file, a file opened for reading them, a Pillow image, or an array (H, W), (H, W, 1),
(1, H, W), (H, W, 2) with opacity, (H, W, 3) or (H, W, 4) of 0 to 1, 0 to 255 or 0 to 65535; a tensor is one too."""

MOST_PIXELS = 120_000_000
"""An A3 page at 600 dpi has 70 million, one of A2 at 500 dpi 114 million."""
SMALL, MOST_HELD = 5_000_000, 900_000_000
"""No file of fewer bytes than the first may be decoded with more than the second."""
_HELD = {"": 7, "JPEG": 13, "TIFF": 11, "WEBP": 11, "AVIF": 17, "JPEG2000": 19}
"""How many bytes of a pixel are held at most: three in what is returned, four in Pillow, the others in a decoder."""
_UNUSED = "unused bits"
MOST_BYTES = 2**28
"""Of what is no file, but a pipe or a device."""
_PART = 2**22
_FORMATS = ("PNG", "JPEG", "JPEG2000", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
_PNG = b"\x89PNG\r\n\x1a\n"
_WEB_PAGE = re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE)


def read_gray(source: Source) -> NDArray[np.uint8]:
    """An image as gray, uint8 (H, W); of several in a file the first.

    What is transparent becomes white, as a viewer shows it, or black if all that is visible is bright.

    Raises:
        DataError: it is not a PNG, JPEG, JPEG 2000, WebP, TIFF, BMP, GIF or AVIF file, is damaged, is none of
            `Source`, or has over 120 million pixels; the message goes on from what the caller calls the image.
    """
    gray = _decoded(source, "L")
    return 255 * gray if gray.max() == 1 else gray  # a mask of 0 and 1


def read_color(source: Source) -> NDArray[np.uint8]:
    """An image in its colours, uint8 (H, W, 3), else as `read_gray`.

    Raises:
        DataError: as `read_gray`.
    """
    pixels = _decoded(source, None)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)


def read_pixels(source: Source) -> NDArray[np.uint8]:
    """An image in its colours, uint8 (H, W, 3), or as gray, uint8 (H, W), if it has none; else as `read_gray`.

    Raises:
        DataError: as `read_gray`.
    """
    pixels = _decoded(source, None)
    return 255 * pixels if pixels.ndim == 2 and pixels.max() == 1 else pixels  # a mask of 0 and 1


def _decoded(source: Source, mode: str | None) -> NDArray[np.uint8]:
    """The pixels of an upright image, of mode L or RGB; whichever shows all of it if None."""
    try:
        source = as_array(source)
        if isinstance(source, np.ndarray):
            return _pixels(_checked(_of_array(source)), mode)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no user can act on what Pillow says of odd metadata
            image = _checked(source) if isinstance(source, Image.Image) else _opened(read_content(source), mode)
            if not (image.width and image.height):
                raise DataError(f"has {image.width}x{image.height} pixels")
            image.load()  # one that was handed over may be closed
            turn = _orientation(image)
            pixels = _pixels(image, mode)
            del image, source  # which may be as large again
            return _turned(pixels, turn)
    except DataError:
        raise
    except Image.DecompressionBombError:
        raise DataError(f"has too many pixels; the most that is read is {MOST_PIXELS:,}") from None
    except Exception as error:  # on a damaged file Pillow raises whatever comes, struct.error and KeyError among it
        raise DataError(f"is a damaged image ({error})") from None


def as_array(source: Any) -> Any:
    """The array of what is one by another name, such as a tensor of PyTorch or a table of pandas; all else as it is.

    Raises:
        DataError: it gives none, such as a tensor that is on another device.
    """
    if isinstance(source, np.ndarray | Image.Image) or not hasattr(source, "__array__"):
        return source
    try:
        return np.asarray(source.detach() if hasattr(source, "detach") else source)
    except Exception as error:  # whatever the other library raises
        raise DataError(f"is {type(source).__name__}, and gives no array ({error})") from None


def read_content(source: Any) -> bytes:
    """The bytes of a file, given in one of the ways of `Source`.

    Raises:
        DataError: it can't be read, is empty or no file; the message goes on from what the caller calls it.
    """
    if isinstance(source, str | Path):
        if not str(source):
            raise DataError("is an empty name; expected a path")
        if re.match("https?:/", str(source)):
            raise DataError("is an address; fetch it first, and name the file")
        try:
            with expanded(source).open("rb") as file:
                regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
                source = file.read(-1 if regular else MOST_BYTES + 1)  # a device such as /dev/zero may never end
            if not regular and len(source) > MOST_BYTES:
                raise DataError(f"is no file, and gives more than {MOST_BYTES:,} bytes")
        except (OSError, ValueError) as error:
            raise DataError(f"can't be read: {getattr(error, 'strerror', None) or error}") from None
    elif hasattr(source, "read"):
        try:
            source = source.read()
        except (OSError, ValueError) as error:  # closed, or opened to be written
            raise DataError(f"can't be read: {getattr(error, 'strerror', None) or error}") from None
        if isinstance(source, str):
            raise DataError("is a file opened as text; open it as binary, in mode 'rb'")
        if source == b"":
            raise DataError("is empty, or a file that was read to its end: go back with seek(0)")
    if not isinstance(source, bytes | bytearray | memoryview):
        raise DataError(
            f"is {type(source).__name__}; expected a path, bytes, a file opened as binary, a Pillow image or an array"
        )
    if not source:
        raise DataError("is empty")
    return bytes(source)


def _opened(content: bytes, mode: str | None) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
        if mode == "L":
            # The brightness of a JPEG as it is stored: several times as fast as to work out its colours and from them
            # the brightness again, and the same but for rounding.
            image.draft("L", image.size)
        kind = "" if image.format == "JPEG" and "progressive" not in image.info else image.format or ""
        held = image.width * image.height * _HELD.get(kind, _HELD[""])
        if image.mode not in ("1", "L") and held > MOST_HELD and len(content) < SMALL:
            raise DataError(
                f"has {image.width}x{image.height} pixels in {len(content):,} bytes, as none that a page was scanned "
                "into has: it is damaged, or made to fill the memory; make it smaller, or store it without losses"
            )
        deep = any(";16" in str(tile.args) for tile in image.tile)
        _checked(image).load()
        if deep and image.mode in ("RGB", "RGBA"):
            image.info[_UNUSED] = _unused_bits(image)
        return image
    except UnidentifiedImageError:
        raise _unidentified(content) from None
    except ValueError:
        bare = _without_texts(content) if content.startswith(_PNG) else content
        if len(bare) == len(content):
            raise
        return _opened(bare, mode)


def _unidentified(content: bytes) -> DataError:
    kind = kind_of(content)
    if kind in READ:
        return DataError("is a damaged image (its header makes no sense)")
    if kind is not None:
        return DataError(f"is of a kind that is not read, {kind}: {ALSO[kind]}")
    found = "it is a web page" if _WEB_PAGE.match(content) else f"it begins with {content[:16]!r}"
    return DataError(f"is not a {', '.join(READ[:-1])} or {READ[-1]} image: {found}")


def _unused_bits(image: Image.Image) -> int:
    """How many of eight bits colours of 10 or 12 don't use that were stored in 16: Pillow keeps the upper eight."""
    return 8 - int(max(high for _, high in image.getextrema()[:3])).bit_length()  # type: ignore[misc]


def _without_texts(png: bytes) -> bytes:
    """A PNG without the texts and the colour profile that Pillow refuses if they are long; no pixel needs them."""
    kept, start = [_PNG], len(_PNG)
    while start < len(png):
        end = start + 12 + int.from_bytes(png[start : start + 4])
        if png[start + 4 : start + 8] not in (b"tEXt", b"zTXt", b"iTXt", b"iCCP"):
            kept.append(png[start:end])
        start = end
    return b"".join(kept)


def _checked(image: Image.Image) -> Image.Image:
    if image.width * image.height > MOST_PIXELS:
        raise DataError(f"has {image.width}x{image.height} pixels; the most that is read is {MOST_PIXELS:,}")
    return image


_ORIENTED = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
"""Where a PNG has its orientation, if it has one."""


def orientation_of(content: bytes) -> int:
    """The orientation, 1 to 8, that the metadata of an image file ask for; 1 if they ask for none.

    Args:
        content: of the file; of a JPEG, PNG or WebP the beginning is enough.
    """
    if content.startswith(_PNG) and not any(name in content for name in _ORIENTED):
        return 1  # Pillow would decode all pixels to see whether metadata come after them
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _orientation(Image.open(io.BytesIO(content), formats=_FORMATS))
    except Exception:  # damaged, or no image, which is told of when it is read
        return 1


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # odd metadata say nothing of the orientation, and are no reason not to read the image
        return 1
    return int(found) if found in range(1, 9) else 1


def _turned(pixels: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """What an orientation of EXIF, 1 to 8, asks for."""
    if turn >= 5:  # what is on top was at the side
        pixels = pixels.swapaxes(0, 1)
    rows = slice(None, None, -1 if turn in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if turn in (2, 3, 6, 7) else 1)
    return np.ascontiguousarray(pixels[rows, columns])


def _pixels(image: Image.Image, mode: str | None) -> NDArray[np.uint8]:
    """The pixels of an image of any mode, as L or RGB; whichever shows all of it if None.

    Whatever is done with them is done with some rows at a time: Pillow holds four bytes of a pixel, and each step of a
    conversion would hold them again.
    """
    rows = max(1, _PART // image.width)
    parts = [(0, top, image.width, min(image.height, top + rows)) for top in range(0, image.height, rows)]
    if mode is None:
        mode = "L" if image.mode in ("1", "L") or image.mode.startswith(("I", "F")) else "RGB"
    converted = _conversion(image, parts, mode)
    pixels = np.empty((image.height, image.width, 3) if mode == "RGB" else (image.height, image.width), np.uint8)
    for part in parts:
        piece = converted(image.crop(part))
        pixels[part[1] : part[3]] = np.asarray(piece if piece.mode == mode else piece.convert(mode))
    return pixels


def _conversion(
    image: Image.Image, parts: list[tuple[int, int, int, int]], mode: str
) -> Callable[[Image.Image], Image.Image]:
    """What makes of a part of an image one that Pillow converts to L and RGB as it should."""
    if image.mode.startswith(("I", "F")):
        found = [(tones.min(), tones.max()) for tones in (np.asarray(image.crop(part)) for part in parts)]
        low, high = (float(each) for each in (np.min(found), np.max(found)))  # NaN if there is one
        return lambda part: Image.fromarray(_narrowed(np.asarray(part), low, high))
    if image.mode == "LAB" and mode == "L":
        return lambda part: part.getchannel("L")
    if image.mode == "LAB":
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        to_rgb = ImageCms.buildTransform(lab, rgb, "LAB", "RGB")
        return lambda part: ImageCms.applyTransform(part, to_rgb) or part
    if "transparency" in image.info or image.mode in ("LA", "PA", "RGBA", "La", "RGBa"):
        paper = "black" if _is_white_ink(image, parts) else "white"

        def on_paper(part: Image.Image) -> Image.Image:
            visible = _with_opacity(part)
            return Image.alpha_composite(Image.new("RGBA", visible.size, paper), visible)

        return on_paper
    return _stretched


def _with_opacity(part: Image.Image) -> Image.Image:
    return _stretched(part.convert("LA") if part.mode == "La" else part).convert("RGBA")


def _stretched(part: Image.Image) -> Image.Image:
    unused = part.info.get(_UNUSED, 0)
    return part.point([min(0xFF, tone << unused) for tone in range(256)] * len(part.mode)) if unused else part


def _is_white_ink(image: Image.Image, parts: list[tuple[int, int, int, int]]) -> bool:
    """Whether all that is visible of a transparent image is bright, so that on white it would be lost."""
    seen = dark = 0
    for part in parts:
        piece = _with_opacity(image.crop(part))
        visible = np.asarray(piece.getchannel("A")) > 127
        seen += int(visible.sum())
        dark += int((np.asarray(piece.convert("L"))[visible] < 128).sum())
    return 0 < seen < image.width * image.height and dark <= 0.01 * seen


def _of_array(array: NDArray[Any]) -> Image.Image:
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array[:, :, 0] if array.shape[2] == 1 else array[0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (2, 3, 4)) or not array.size:
        raise DataError(f"is an array of shape {array.shape}; expected (H, W), (H, W, 3) or (H, W, 4)")
    if array.dtype.kind not in "buif":
        raise DataError(f"is an array of {array.dtype}; expected numbers")
    if array.dtype != np.uint8:
        array = _narrowed(array, float(array.min()), float(array.max()))
    if array.ndim == 3 and array.shape[2] == 2:
        return Image.merge("LA", [Image.fromarray(np.ascontiguousarray(array[..., band])) for band in (0, 1)])
    return Image.fromarray(np.ascontiguousarray(array))


def _narrowed(values: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Tones as 8 bits, by the range that they fill: 0 to 1, 8 bits, or as many up to 16 as the highest needs."""
    if np.isnan(low):
        raise DataError("has values that are not a number (NaN); expected 0 to 1, 0 to 255 or 0 to 65535")
    if not (low >= 0 and high <= 0xFFFF):
        raise DataError(f"has values from {low:g} to {high:g}; expected 0 to 1, 0 to 255 or 0 to 65535")
    full = 1 if high < 2 else max(0xFF, 2 ** int(np.ceil(high)).bit_length() - 1)
    return (values.astype(np.float64) * (255 / full)).round().clip(0, 255).astype(np.uint8)
