"""PDFs -> the images of their pages: the scan that a page holds, else the page drawn as finely as its scan is."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image

from kuzushiji.errors import DataError
from kuzushiji.imaging.read import MOST_PIXELS

if TYPE_CHECKING:
    import pypdfium2

_USUAL = 300 / 72
"""Pixels a point where a page has no scan to go by."""
_MOST_DRAWN = 2**25
"""Pixels of such a page: A2 at 300 dots an inch has 35 million."""
_MOST_OBJECTS = 10_000
"""That are looked through for a scan."""
_BY_PASSWORD = 4
_COMPARED = 160
"""Pixels of the longer side when a scan is compared with its page."""
_ALIKE = 4.0
"""Mean difference, of 255, up to which they are the same."""


class Pdf:
    """A PDF, opened; its pages are counted from 1.

    Args:
        source: its file, which is read where a page needs it, or the content of it.

    Raises:
        DataError: it is locked or damaged, has no pages, or pypdfium2 is not installed; the message goes on from what
            the caller calls the file.
    """

    def __init__(self, source: Path | bytes) -> None:
        try:
            import pypdfium2
        except ImportError:
            raise DataError("is a PDF; what reads it is installed with: pip install 'kuzushiji[pdf]'") from None
        try:
            self._document = pypdfium2.PdfDocument(source)
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) == _BY_PASSWORD:
                raise DataError("is a PDF locked with a password; save it without one") from None
            raise DataError(f"is a damaged PDF ({_short(error)}); fetch it again") from None
        if not len(self):
            self.close()
            raise DataError("is a PDF without pages")

    def __len__(self) -> int:
        return len(self._document)

    def __enter__(self) -> "Pdf":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of it."""
        self._document.close()

    def page(self, number: int, most_pixels: int = MOST_PIXELS) -> bytes | Image.Image:
        """The image of a page, as `imaging.read` takes it.

        The bytes of a JPEG if the page is that and nothing else is to be seen; else the page is drawn, at the
        resolution of the scan that covers most of it, without which at 300 dots an inch, or at what fits.

        Args:
            most_pixels: with which it is drawn.

        Raises:
            DataError: it can't be drawn; the message goes on from what the caller calls the page.
        """
        with self._opened(number) as page:
            found = _look(page)
            if found.alone and (jpeg := _jpeg(found.scans[0])) and _same(page, jpeg):
                return jpeg
            return _drawn(page, _fineness(page, found.scans, most_pixels))

    @contextmanager
    def _opened(self, number: int) -> "Iterator[pypdfium2.PdfPage]":
        import pypdfium2

        try:
            page = self._document[number - 1]
        except pypdfium2.PdfiumError as error:
            raise DataError(f"is damaged ({_short(error)})") from None
        try:
            yield page
        except (pypdfium2.PdfiumError, ValueError, MemoryError) as error:
            raise DataError(f"can't be drawn ({_short(error)})") from None
        finally:
            page.close()


@dataclass(frozen=True)
class _Found:
    """What a page holds: images, and whether it is one of them and nothing else that shows."""

    scans: "list[pypdfium2.PdfImage]"
    alone: bool


def _look(page: "pypdfium2.PdfPage") -> _Found:
    import pypdfium2
    from pypdfium2 import raw

    scans: list[pypdfium2.PdfImage] = []
    is_bare = True
    for each in islice(page.get_objects(), _MOST_OBJECTS):
        if isinstance(each, pypdfium2.PdfImage):
            scans.append(each)
        elif each.type == raw.FPDF_PAGEOBJ_TEXT:
            is_bare &= raw.FPDFTextObj_GetTextRenderMode(each) == raw.FPDF_TEXTRENDERMODE_INVISIBLE
        elif each.type != raw.FPDF_PAGEOBJ_FORM:  # what is in a form comes by itself
            is_bare = False
    return _Found(scans, is_bare and len(scans) == 1)


def _jpeg(scan: "pypdfium2.PdfImage") -> bytes | None:
    if scan.get_filters() != ["DCTDecode"]:
        return None
    return bytes(scan.get_data(decode_simple=False))


def _same(page: "pypdfium2.PdfPage", jpeg: bytes) -> bool:
    """Whether a JPEG, read by itself, looks as the page does, which may turn, cut, mask and colour it."""
    try:
        image = Image.open(io.BytesIO(jpeg), formats=("JPEG",))
        if image.mode not in ("L", "RGB") or image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            return False
        ratio = image.width / image.height * page.get_height() / page.get_width()
        image.draft("RGB", (2 * _COMPARED, 2 * _COMPARED))
        seen = _drawn(page, _COMPARED / max(page.get_size()))
        alone = image.convert("RGB").resize(seen.size, Image.Resampling.BOX)
    except Exception:  # on a damaged file Pillow raises whatever comes; drawn, there may be more of it
        return False
    difference = np.abs(np.asarray(alone, np.float32) - np.asarray(seen, np.float32))
    return abs(ratio - 1) < 0.01 and float(difference.mean()) < _ALIKE


def _fineness(page: "pypdfium2.PdfPage", scans: "list[pypdfium2.PdfImage]", most: int) -> float:
    """Pixels a point at which a page is drawn."""
    width, height = page.get_size()
    finest = max((_fineness_of(scan, width * height) for scan in scans), default=0.0)
    most = most if finest else min(most, _MOST_DRAWN)
    # A hair less, so that a page of 1,000 pixels is not drawn on 1,001.
    return min(finest or _USUAL, math.sqrt(most / (width * height))) * (1 - 1e-6)


def _fineness_of(scan: "pypdfium2.PdfImage", area: float) -> float:
    """Pixels a point of an image; 0 if it covers less than half of a page of this area."""
    corners = np.array(scan.get_quad_points())
    sides = np.hypot(*(corners[1:3] - corners[:2]).T)  # in a form, its own points, which mostly are those of the page
    if sides.min() <= 0 or sides.prod() < area / 2:
        return 0.0
    return float((np.sort(scan.get_px_size()) / np.sort(sides)).max())


def _drawn(page: "pypdfium2.PdfPage", scale: float) -> Image.Image:
    bitmap = page.render(scale=scale, may_draw_forms=False, draw_annots=False, rev_byteorder=True)
    try:
        image = bitmap.to_pil()
        return image.copy() if image.mode == "RGB" else image.convert("RGB")
    finally:
        bitmap.close()


def _short(error: Exception) -> str:
    """What PDFium says, without its own introduction."""
    return str(error).removeprefix("Failed to load document (PDFium: ").rstrip(").") or type(error).__name__
