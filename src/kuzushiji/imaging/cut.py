"""Boxes on a page, or any image of one character -> images as those that the networks learn from.

What those look like, measured on the training images of Kuzushiji-MNIST and Kuzushiji-Kanji by
`python benchmarks/recognition.py --facts kmnist6k kkanji` (a pixel is ink from 128 on):

- They are black, with bright ink: the median of the outermost pixels is below 128 in every image of both, that of all
  pixels in all but 0.02 %.  The mean pixel is 0.19 and 0.22, the share of ink the same; in 98 % it is between 6 % and
  39 %.
- A character fills the longer side: in half of the images no more than 1.6 % of it are free, in 95 % no more than 7.1 %
  (6.2 % in Kuzushiji-Kanji).  Its proportions are kept (59 % and 68 % are taller than wide), and it stands in the
  middle: the two margins along the shorter side differ by 2 pixels at most in 95 %.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.imaging.ink import FULL, LEAST_CONTRAST, STAINED, Box, Tones, tones, tones_of

_LOOK = 256
"""Paper and ink are looked for in a copy on which a box has at most twice so many pixels a side."""
_SPECKS = 0.002
"""As much of the ink at each side may be specks, or the tip of a stroke."""
_SPECK = 0.01
"""What stands apart from the rest, and has less of the ink than that, is a speck."""
_TIGHT = 0.9
"""Ink that spans so much of the longer side is that of a character cut out as in the data sets."""
_MARGIN = 0.015
"""What is left around the ink, as a share of its longer side, where it is cut out here."""


def to_square(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Brings an image to (side, side), its tones as they are.

    Proportions are kept, because a squeezed character may look like another one.  What is beside it has the tone of the
    paper, which is the median, as most of an image of a character is paper.
    """
    if pixels.shape == (side, side):
        return pixels
    return in_the_middle(Image.fromarray(pixels), (side, side), int(np.median(pixels)))


def cut(image: NDArray[np.uint8], boxes: NDArray[np.int32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Cuts characters out of a page.

    Args:
        image: uint8 (H, W), gray; dark ink on bright paper or the other way round.
        boxes: int32 (n, 4): left, top, width and height, all within the image.
        size: height and width of what is cut out; the characters keep their proportions.

    Returns:
        uint8 (n, height, width), ink bright on black, each character in the middle.
    """
    characters = np.zeros((len(boxes), *size), np.uint8)
    if not len(boxes):
        return characters
    page = Image.fromarray(image)
    corners = [(left, top, left + width, top + height) for left, top, width, height in boxes.tolist()]
    looked_at, factor = _reduced(page, int(boxes[:, 2:].max(initial=0)))
    reduced = [_in_reduced(box, factor) for box in corners]
    for number, found in enumerate(tones(looked_at, reduced, least_grain=STAINED, full=FULL)):
        characters[number] = in_the_middle(found.of(page.crop(corners[number])), size)
    return characters


def cut_character(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8] | None:
    """Brings an image of one character to what a network takes.

    Args:
        image: uint8 (H, W), dark ink on bright paper or the other way round, cropped loosely or tightly.
        size: height and width of what the network takes.

    Returns:
        uint8 (height, width), ink bright on black; None if the image is blank.
    """
    cuts = cut_character_to(image, [size])
    return cuts[0] if cuts else None


def cut_character_to(image: NDArray[np.uint8], sizes: Sequence[tuple[int, int]]) -> list[NDArray[np.uint8]]:
    """Brings an image of one character to what each of several networks takes: as `cut_character`, looked at once.

    Returns:
        One for each of the sizes; none if the image is blank.
    """
    page = Image.fromarray(image)
    found = find_character(page)
    if found is None:
        return []
    box, ink = found
    part = ink.of(page.crop(box))
    return [in_the_middle(part, size) for size in sizes]


def find_character(image: Image.Image) -> tuple[Box, Tones] | None:
    """Where the character is on an image of one, of mode L, and its tones; None if the image is blank.

    An image whose ink spans most of it is one that was cut out as the data sets were, and is kept whole; of any other,
    it is the part with the ink.
    """
    looked_at, factor = _reduced(image, max(image.size))
    whole = tones_of(looked_at)
    pixels = np.asarray(looked_at)
    brightest = whole.brightest
    if brightest - whole.paper < LEAST_CONTRAST:  # little ink on much paper
        brightest = 255 - int(pixels.min()) if whole.dark_ink else int(pixels.max())
        if brightest - whole.paper < LEAST_CONTRAST:
            return None
    half = (whole.paper + brightest) / 2
    ink = pixels < 255 - half if whole.dark_ink else pixels > half
    top, bottom = _span(np.count_nonzero(ink, axis=1))
    left, right = _span(np.count_nonzero(ink, axis=0))
    longest = max(bottom - top, right - left)
    if longest >= _TIGHT * max(looked_at.size):
        return (0, 0, *image.size), whole
    margin = _MARGIN * longest
    left, top = (max(0, round(factor * (edge - margin))) for edge in (left, top))
    right, bottom = (round(factor * (edge + margin)) for edge in (right, bottom))
    box = left, top, min(image.width, right), min(image.height, bottom)
    return box, tones(looked_at, [_in_reduced(box, factor)], whole.dark_ink)[0]


def _reduced(image: Image.Image, side: int) -> tuple[Image.Image, int]:
    """A copy on which what has `side` pixels has at most twice `_LOOK`, and how many times it is smaller."""
    factor = max(1, side // _LOOK)
    return image.reduce(factor) if factor > 1 else image, factor


def _in_reduced(box: Box, factor: int) -> Box:
    left, top, right, bottom = box
    return left // factor, top // factor, -(-right // factor), -(-bottom // factor)


def in_the_middle(image: Image.Image, size: tuple[int, int], paper: int = 0) -> NDArray[np.uint8]:
    """An image as large as (height, width) allows, in the middle of it."""
    height, width = size
    scale = min(width / image.width, height / image.height)
    fitted = max(1, round(scale * image.width)), max(1, round(scale * image.height))
    if image.size != fitted:
        image = image.resize(fitted, Image.Resampling.BICUBIC, reducing_gap=3)
    whole = np.full(size, paper, np.uint8)
    x, y = (width - fitted[0]) // 2, (height - fitted[1]) // 2
    whole[y : y + fitted[1], x : x + fitted[0]] = np.asarray(image)
    return whole


def _span(counts: NDArray[np.int64]) -> tuple[int, int]:
    """First row (or column) with ink, and the one after the last, but for specks."""
    inked = counts.nonzero()[0]
    first, last = int(inked[0]), int(inked[-1])
    if last - first >= len(inked):  # something stands apart
        runs = np.split(inked, np.flatnonzero(np.diff(inked) > 1) + 1)
        whole = [run for run in runs if counts[run].sum() >= _SPECK * counts.sum()] or runs
        first, last = int(whole[0][0]), int(whole[-1][-1])
    sums = counts[first : last + 1].cumsum()
    low, high = sums.searchsorted(_SPECKS * sums[-1], side="right"), sums.searchsorted((1 - _SPECKS) * sums[-1])
    return first + int(low), first + int(high) + 1
