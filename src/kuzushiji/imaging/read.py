"""Image files -> pixels."""

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from kuzushiji.errors import DataError

_FORMATS = ("PNG", "JPEG", "JPEG2000", "WEBP", "TIFF", "BMP", "GIF")
_BEGINNINGS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"\0\0\0\x0cjP", b"\xffO\xffQ", b"RIFF", b"II*\0", b"MM\0*", b"GIF8")
_MOST_PIXELS = 2**26


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
