"""The image of one character as it is read to be named or explained: what is not writing is off, no page is taken."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.errors import DataError
from kuzushiji.imaging.clean import clean
from kuzushiji.imaging.colour import gray_of_writing
from kuzushiji.imaging.marks import MOST_MARKS, count_marks
from kuzushiji.imaging.read import Source, as_array, read_content, read_pixels
from kuzushiji.imaging.several import count_images


@dataclass(frozen=True)
class CharacterScan:
    """The image of a character.

    Attributes:
        gray: uint8 (H, W), from which `cut_character` makes what a network takes.
        doubt: what speaks against naming it, such as `several characters`; empty if nothing does.
        scale: pixels of the image, upright, for one of these.
    """

    gray: NDArray[np.uint8]
    doubt: str
    scale: float = 1.0


def read_character(image: Source, name: str = "the image") -> CharacterScan:
    """Reads the image of a character, and takes off what is not writing.

    Args:
        name: what it is called in the message if it can't be read.

    Raises:
        DataError: it can't be read, is a file of several images, or shows a whole page, for which a network would name
            some character too.
    """
    try:
        image = as_array(image)
        if not isinstance(image, np.ndarray | Image.Image):
            image = read_content(image)
            if (count := count_images(image)) > 1:
                raise DataError(f"holds {count} images, expected one; `kuzushiji.recognize` reads each of them")
        pixels = read_pixels(image)
    except DataError as error:
        raise DataError(f"{name} {error}") from None
    gray = gray_of_writing(pixels) if pixels.ndim == 3 else pixels
    if (marks := count_marks(gray)) > MOST_MARKS:
        raise DataError(
            f"{name} shows {marks} separate marks, as a page of writing does; one character an image is expected: "
            "cut it out"
        )
    cleaned = clean(gray)
    return CharacterScan(cleaned.gray, cleaned.doubt, max(pixels.shape[:2]) / max(cleaned.gray.shape))
