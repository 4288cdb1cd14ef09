"""Boxes on a page, or any image -> square images of characters."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_MARGIN = 0.25
"""How far around a box its paper is looked for, as a share of its longer side."""
_PAPER = 0.7
"""The paper is as bright as the pixel that is brighter than so many of those in and around the box."""
_INK = 0.03
"""The ink is as dark as the pixel that is darker than all but so many of those in the box."""
_BLACK, _WHITE = 0.2, 0.75
"""What is so far on the way from paper to ink becomes black and white: below is stained paper and what shows through
it from the other side, above the grain of the ink.  Characters then look as those of Kuzushiji-Kanji do."""
_LEAST_CONTRAST = 32
"""Between paper and ink, so that an empty box stays empty."""


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


def cut_page(page: NDArray[np.uint8], boxes: NDArray[np.int32], side: int) -> NDArray[np.uint8]:
    """Cuts the characters out of a page.

    Each character is measured by the paper around it, as paper is stained and unevenly lit, and by its own ink, as the
    brush runs dry.  Neither may be far from what is usual on the page, which keeps empty boxes black.

    Args:
        page: uint8 (H, W), gray; dark ink on bright paper or the other way round.
        boxes: int32 (n, 4): left, top, width and height, all within the page.
        side: what the longer side of each character becomes; the shorter one keeps its proportion.

    Returns:
        uint8 (n, side, side), ink bright on black, each character in the middle.
    """
    cut = np.zeros((len(boxes), side, side), np.uint8)
    if not len(boxes):
        return cut
    image = Image.fromarray(page)
    within = [_histogram(image, box, 0) for box in boxes]
    around = [_histogram(image, box, round(_MARGIN * max(box[2], box[3]))) for box in boxes]
    if _is_dark_paper(np.sum(around, axis=0)):
        image = Image.fromarray(255 - page)
        within, around = [each[::-1] for each in within], [each[::-1] for each in around]
    paper = np.array([_quantile(histogram, _PAPER) for histogram in around])
    contrast = paper - np.array([_quantile(histogram, _INK) for histogram in within])
    usual_paper, usual_contrast = np.median(paper), max(np.median(contrast), _LEAST_CONTRAST)
    paper = np.maximum(paper, usual_paper - usual_contrast / 2)
    contrast = np.maximum(contrast, usual_contrast / 2)

    for place, (left, top, width, height) in enumerate(boxes.tolist()):
        ink = ((paper[place] - np.arange(256)) / contrast[place] - _BLACK) / (_WHITE - _BLACK)
        tones = (255 * ink.clip(0, 1)).astype(np.uint8).tolist()
        character = image.crop((left, top, left + width, top + height)).point(tones)
        scale = side / max(width, height)
        size = max(1, round(scale * width)), max(1, round(scale * height))
        resized = np.asarray(character.resize(size, Image.Resampling.BICUBIC))
        x, y = (side - size[0]) // 2, (side - size[1]) // 2
        cut[place, y : y + size[1], x : x + size[0]] = resized
    return cut


def _histogram(image: Image.Image, box: NDArray[np.int32], margin: int) -> NDArray[np.int64]:
    """How many pixels in and around a box have each of the 256 tones."""
    left, top, width, height = box.tolist()
    right, bottom = min(image.width, left + width + margin), min(image.height, top + height + margin)
    return np.array(image.crop((max(0, left - margin), max(0, top - margin), right, bottom)).histogram())


def _quantile(histogram: NDArray[np.int64], share: float) -> int:
    """The tone that `share` of the pixels do not exceed."""
    sums = histogram.cumsum()
    return int(np.searchsorted(sums, share * sums[-1]))


def _is_dark_paper(histogram: NDArray[np.int64]) -> bool:
    """Whether the ink is brighter than the paper.

    Most of what is in and around the boxes is paper: the median is one of its tones, and the ink lies far to one side.
    """
    darkest, median, brightest = (_quantile(histogram, share) for share in (0.02, 0.5, 0.98))
    return brightest - median > median - darkest
