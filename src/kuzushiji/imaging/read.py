"""Any image -> pixels: a file of any kind, its bytes, a Pillow image or an array; one way for all that reads images.

However an image comes, it is upright (the orientation in its metadata is carried out), has 8 bits (more of them are
narrowed by the range that they fill), and what is transparent is paper.
"""

import io
import os
import re
import stat
import warnings
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
(1, H, W), (H, W, 3) or (H, W, 4) of 0 to 1, 0 to 255 or 0 to 65535."""

MOST_PIXELS = 2**27
"""An A3 page at 600 dpi has 70 million, one of A2 at 500 dpi 114 million."""
MOST_BYTES = 2**28
"""Of what is no file, but a pipe or a device."""
_PART = 2**24
_FORMATS = ("PNG", "JPEG", "JPEG2000", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
_PNG = b"\x89PNG\r\n\x1a\n"
_WEB_PAGE = re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What each orientation of EXIF asks for."""


def read_gray(source: Source) -> NDArray[np.uint8]:
    """An image as gray, uint8 (H, W); of several in a file the first.

    What is transparent becomes white, as a viewer shows it, or black if all that is visible is bright.

    Raises:
        DataError: it is not a PNG, JPEG, JPEG 2000, WebP, TIFF, BMP, GIF or AVIF file, is damaged, is none of
            `Source`, or has over 134 million pixels; the message goes on from what the caller calls the image.
    """
    image = _decoded(source, "L")
    gray = np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width)
    return 255 * gray if gray.max() == 1 else gray  # a mask of 0 and 1


def read_color(source: Source) -> NDArray[np.uint8]:
    """An image in its colours, uint8 (H, W, 3), else as `read_gray`.

    Raises:
        DataError: as `read_gray`.
    """
    image = _decoded(source, None)
    pixels = _pixels(image)
    return pixels if image.mode == "RGB" else np.repeat(pixels[..., None], 3, axis=2)


def read_pixels(source: Source) -> NDArray[np.uint8]:
    """An image in its colours, uint8 (H, W, 3), or as gray, uint8 (H, W), if it has none; else as `read_gray`.

    Raises:
        DataError: as `read_gray`.
    """
    image = _decoded(source, None)
    if image.mode == "L":
        gray = _pixels(image)
        return 255 * gray if gray.max() == 1 else gray  # a mask of 0 and 1
    return _pixels(image)


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of an image of mode L or RGB; a part at a time, for Pillow holds twice more what it gives."""
    bands = (3,) if image.mode == "RGB" else ()
    pixels = np.empty((image.height, image.width, *bands), np.uint8)
    rows = max(1, _PART // image.width)
    for top in range(0, image.height, rows):
        bottom = min(image.height, top + rows)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return pixels


def _decoded(source: Source, mode: str | None) -> Image.Image:
    """An upright image, of mode L or RGB; whichever shows all of it if None."""
    try:
        if isinstance(source, np.ndarray):
            return _converted(_checked(_of_array(source)), mode)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no user can act on what Pillow says of odd metadata
            image = _checked(source) if isinstance(source, Image.Image) else _opened(read_content(source), mode)
            return _converted(_upright(image), mode)
    except DataError:
        raise
    except Image.DecompressionBombError:
        raise DataError(f"has too many pixels; the most that is read is {MOST_PIXELS:,}") from None
    except Exception as error:  # on a damaged file Pillow raises whatever comes, struct.error and KeyError among it
        raise DataError(f"is a damaged image ({error})") from None


def read_content(source: Any) -> bytes:
    """The bytes of a file, given in one of the ways of `Source`.

    Raises:
        DataError: it can't be read, is empty or no file; the message goes on from what the caller calls it.
    """
    if isinstance(source, str | Path):
        try:
            with expanded(source).open("rb") as file:
                regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
                source = file.read(-1 if regular else MOST_BYTES + 1)  # a device such as /dev/zero may never end
            if not regular and len(source) > MOST_BYTES:
                raise DataError(f"is no file, and gives more than {MOST_BYTES:,} bytes")
        except (OSError, ValueError) as error:
            raise DataError(f"can't be read: {getattr(error, 'strerror', None) or error}") from None
    elif hasattr(source, "read"):
        source = source.read()
        if isinstance(source, str):
            raise DataError("is a file opened as text; open it as binary, in mode 'rb'")
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
        deep = any(";16" in str(tile.args) for tile in image.tile)
        _checked(image).load()
        return _stretched(image) if deep and image.mode in ("RGB", "RGBA") else image
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


def _stretched(image: Image.Image) -> Image.Image:
    """Colours of 10 or 12 bits that were stored in 16, of which Pillow keeps the upper eight."""
    highest = max(high for _, high in image.getextrema()[:3])  # type: ignore[misc]
    unused = 8 - int(highest).bit_length()
    return image.point([min(0xFF, tone << unused) for tone in range(256)] * len(image.mode)) if unused else image


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


def orientation_of(content: bytes) -> int:
    """The orientation, 1 to 8, that the metadata of an image file ask for; 1 if they ask for none.

    Args:
        content: of the file; of a JPEG, PNG or WebP the beginning is enough.
    """
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
    return int(found) if found in _TURNS else 1


def _upright(image: Image.Image) -> Image.Image:
    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _converted(image: Image.Image, mode: str | None) -> Image.Image:
    """An image of any mode as one of mode L or RGB; whichever shows all of it if None."""
    if image.mode.startswith(("I", "F")):
        image = Image.fromarray(_narrowed(np.asarray(image)))
    elif image.mode == "LAB":
        if mode == "L":
            return image.getchannel("L")
        lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, rgb, outputMode="RGB")
        assert converted is not None
        return converted
    elif "transparency" in image.info or image.mode in ("LA", "PA", "RGBA", "La", "RGBa"):
        visible = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        paper = "black" if _is_white_ink(visible) else "white"
        image = Image.alpha_composite(Image.new("RGBA", visible.size, paper), visible)
    if mode is None:
        mode = "L" if image.mode in ("1", "L", "I", "F") else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _is_white_ink(image: Image.Image) -> bool:
    """Whether all that is visible of a transparent image is bright, so that on white it would be lost."""
    opacity = image.getchannel("A")
    visible = np.asarray(opacity) > 127
    tones = np.asarray(image.convert("L"))[visible]
    return 0 < tones.size < visible.size and float((tones < 128).mean()) <= 0.01


def _of_array(array: NDArray[Any]) -> Image.Image:
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array[:, :, 0] if array.shape[2] == 1 else array[0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or not array.size:
        raise DataError(f"is an array of shape {array.shape}; expected (H, W), (H, W, 3) or (H, W, 4)")
    if array.dtype.kind not in "buif":
        raise DataError(f"is an array of {array.dtype}; expected numbers")
    return Image.fromarray(np.ascontiguousarray(array if array.dtype == np.uint8 else _narrowed(array)))


def _narrowed(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Tones as 8 bits, by the range that they fill: 0 to 1, 8 bits, or as many up to 16 as the highest needs."""
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 0xFFFF):  # also where there is NaN among them
        raise DataError(f"has values from {low:g} to {high:g}; expected 0 to 1, 0 to 255 or 0 to 65535")
    full = 1 if high < 2 else max(0xFF, 2 ** int(np.ceil(high)).bit_length() - 1)
    return (values.astype(np.float64) * (255 / full)).round().clip(0, 255).astype(np.uint8)
