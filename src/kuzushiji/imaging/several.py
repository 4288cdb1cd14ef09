"""Files that hold several images: the pages of a TIFF, the pictures of a GIF, WebP, PNG or AVIF that moves."""

import io
import warnings
from collections.abc import Iterator, Sequence

from PIL import ExifTags, Image, TiffImagePlugin

from kuzushiji.errors import DataError
from kuzushiji.imaging.kinds import kind_of

FORMATS = ("TIFF", "GIF", "WEBP", "PNG", "AVIF")
"""A JPEG too can hold several, but those are one picture in other sizes."""

_SUBFILE = ExifTags.Base.NewSubfileType
"""Its lowest bit says that an image of a TIFF is a smaller copy of another."""


def images_in(content: bytes, formats: Sequence[str] = FORMATS) -> Iterator[bytes | Image.Image | DataError]:
    """The images in a file, one after the other, each as `imaging.read` takes it.

    Args:
        content: of the file; if it holds one image, or is damaged at its beginning, that is all that comes.
        formats: of Pillow, in which several are looked for.

    Yields:
        Also a `DataError` for each image that is damaged, if others are not.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no user can act on what Pillow says of odd metadata
        try:
            file = Image.open(io.BytesIO(content), formats=tuple(formats))
            numbers = _numbers(file)
        except Exception:  # of another format, or damaged, which is told of when it is read
            yield content
            return
        if len(numbers) == 1:
            yield content
            return
        with file:
            for number in numbers:
                try:
                    file.seek(number)
                    image = file.copy()
                except Exception as error:  # on a damaged file Pillow raises whatever comes
                    yield DataError(f"is damaged ({error})")
                else:
                    yield image


def count_images(content: bytes) -> int:
    """How many images a file holds; 1 also if it is damaged, or no image."""
    kind = kind_of(content)
    moves = kind == "PNG" and content.find(b"acTL", 0, content.find(b"IDAT")) > 0
    if not moves and kind not in ("TIFF", "GIF", "WebP", "AVIF"):
        return 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as file:
                return len(_numbers(file))
        except Exception:  # it is told of when it is read
            return 1


def _numbers(file: Image.Image) -> list[int]:
    """Those of the images in a file that are not a smaller copy of another."""
    count = int(getattr(file, "n_frames", 1))
    if count == 1 or not isinstance(file, TiffImagePlugin.TiffImageFile):
        return list(range(count))
    numbers = []
    for number in range(count):
        try:
            file.seek(number)
            small = int(file.tag_v2.get(_SUBFILE, 0)) & 1
        except Exception:  # it is damaged, which is told of in its turn
            small = 0
        if not small:
            numbers.append(number)
    return numbers or [0]
