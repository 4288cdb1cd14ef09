"""The image of a page as a PDF holds it: the bytes of a JPEG as they are, the pixels of anything else."""

import io
import struct
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from kuzushiji.errors import DataError
from kuzushiji.imaging.read import Source, read_color, read_content

_POINTS = 72
"""Of PDF, in an inch."""
_USUAL = 300
"""Dots per inch of a scan that does not say how many it has, or what no scanner has."""
_LEAST, _MOST = 100, 2400
_JPEG = b"\xff\xd8\xff"
_CORNERS = {
    2: (-1, 0, 0, 1, 1, 0),
    3: (-1, 0, 0, -1, 1, 1),
    4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1),
    6: (0, -1, 1, 0, 0, 1),
    7: (0, 1, 1, 0, 0, 0),
    8: (0, 1, -1, 0, 1, 0),
}
"""Where each orientation of EXIF puts the unit square of an image."""


@dataclass(frozen=True)
class PlacedImage:
    """An image on a page of PDF.

    Attributes:
        size: width and height in pixels, upright.
        scale: points a pixel.
        matrix: the six numbers that put it there.
        facts: its dictionary, without the length.
        content: its stream.
    """

    size: tuple[int, int]
    scale: float
    matrix: tuple[float, ...]
    facts: str
    content: bytes

    @property
    def points(self) -> tuple[float, float]:
        """Width and height on the page."""
        return self.size[0] * self.scale, self.size[1] * self.scale


def placed(scan: Source) -> PlacedImage:
    """An image as it is put on a page that it fills.

    Raises:
        DataError: it can't be read; the message goes on from what the caller calls it.
    """
    if not isinstance(scan, np.ndarray | Image.Image):
        scan = read_content(scan)
        if scan.startswith(_JPEG) and (kept := _kept(scan)):
            return kept
    pixels = read_color(scan)
    dpi = _dpi(scan) if isinstance(scan, Image.Image) else _USUAL
    if isinstance(scan, bytes):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata
            dpi = _dpi(Image.open(io.BytesIO(scan)))
    is_gray = bool((pixels == pixels[:, :, :1]).all())
    height, width, _ = pixels.shape
    facts = _facts(width, height, "DeviceGray" if is_gray else "DeviceRGB")
    facts += f" /Filter /FlateDecode /DecodeParms << /Predictor 15 /Colors {1 if is_gray else 3} /Columns {width} >>"
    content = _packed(pixels[:, :, 0] if is_gray else pixels)
    return _placed(width, height, dpi, 1, facts, content)


def _kept(jpeg: bytes) -> PlacedImage | None:
    """A JPEG as it is; None of a kind that viewers don't all show alike."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata
            image = Image.open(io.BytesIO(jpeg), formats=("JPEG",))
            orientation = _orientation(image)
    except Exception as error:  # on a damaged file Pillow raises whatever comes
        raise DataError(f"is a damaged image ({error})") from None
    if image.mode not in ("L", "RGB"):
        return None
    facts = _facts(*image.size, "DeviceGray" if image.mode == "L" else "DeviceRGB") + " /Filter /DCTDecode"
    return _placed(*image.size, _dpi(image), orientation, facts, jpeg)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # as `imaging.read`: odd metadata say nothing of it
        return 1


def _placed(width: int, height: int, dpi: float, orientation: int, facts: str, content: bytes) -> PlacedImage:
    size = (height, width) if orientation in (5, 6, 7, 8) else (width, height)
    scale = _POINTS / dpi
    a, b, c, d, e, f = _CORNERS.get(orientation, (1, 0, 0, 1, 0, 0))
    x, y = size[0] * scale, size[1] * scale
    return PlacedImage(size, scale, (a * x, b * y, c * x, d * y, e * x, f * y), facts, content)


def _facts(width: int, height: int, colors: str) -> str:
    return f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /{colors} /BitsPerComponent 8"


def _dpi(image: Image.Image) -> float:
    try:
        dpi = float(image.info["dpi"][0])
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError):
        return _USUAL
    return dpi if _LEAST <= dpi <= _MOST else _USUAL


def _packed(pixels: NDArray[np.uint8]) -> bytes:
    """Pixels as the data of a PNG, which are what PDF calls predictor 15."""
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG")
    png, place, parts = out.getvalue(), 8, []
    while place < len(png):
        length, kind = struct.unpack_from(">I4s", png, place)
        if kind == b"IDAT":
            parts.append(png[place + 8 : place + 8 + length])
        place += 12 + length
    return b"".join(parts)
