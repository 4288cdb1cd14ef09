"""What is looked at of an image that a stranger sends, before it is decoded."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from kuzushiji.errors import DataError
from kuzushiji.imaging.pdf import Pdf
from kuzushiji.imaging.read import MOST_PIXELS

MOST_BYTES = 64 * 2**20
"""Of one image."""
MOST_PAGES = 100
"""Of one PDF."""
_MOST_DRAWN = 25_000_000
"""Pixels of a page of a PDF."""
_KINDS = ("PNG", "JPEG", "JPEG2000", "WEBP", "TIFF", "BMP", "GIF")


class Refused(Exception):
    """An image that is not taken; `status` is what HTTP has for why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(status, why)
        self.status = status

    def __str__(self) -> str:
        return str(self.args[1])


def check(content: bytes, most_pixels: int = MOST_PIXELS) -> None:
    """Looks at an image's header alone.

    Raises:
        Refused: 413 it is too large, 415 it is no image, 422 it is a damaged one.
    """
    if not content:
        raise Refused(422, "the image is empty")
    if len(content) > MOST_BYTES:
        raise Refused(413, f"the image has {len(content):,} bytes; the most that is taken is {MOST_BYTES:,}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            width, height = Image.open(io.BytesIO(content), formats=_KINDS).size
    except Image.DecompressionBombError:
        raise Refused(413, f"the image has too many pixels; the most that is taken is {most_pixels:,}") from None
    except Image.UnidentifiedImageError:
        raise Refused(415, f"this is no PNG, JPEG, JPEG 2000, WebP, TIFF, BMP or GIF: {content[:16]!r} ...") from None
    except Exception as error:  # Pillow raises whatever comes on a damaged file
        raise Refused(422, f"the image is damaged ({error})") from None
    if width * height > most_pixels:
        raise Refused(413, f"the image has {width * height:,} pixels; the most that is taken is {most_pixels:,}")


def pages_in(pdf: bytes) -> int:
    """How many pages a PDF has.

    Raises:
        Refused: 422 it is damaged or locked, 413 it has too many.
    """
    with _opened(pdf) as document:
        count = len(document)
    if count > MOST_PAGES:
        raise Refused(413, f"the PDF has {count} pages; 1 to {MOST_PAGES} are taken at once")
    return count


def page_in(pdf: bytes, number: int) -> bytes:
    """The image of a page of a PDF, counted from 0: the JPEG that it is, or a PNG of it as fine as fits.

    Raises:
        Refused: 422, it can't be drawn.
    """
    with _opened(pdf) as document:
        image = document.page(number + 1, most_pixels=_MOST_DRAWN)
    if isinstance(image, bytes):
        return image
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


@contextmanager
def _opened(pdf: bytes) -> Iterator[Pdf]:
    try:
        with Pdf(pdf) as document:
            yield document
    except DataError as error:
        raise Refused(422, f"this {error}") from None
