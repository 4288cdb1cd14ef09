"""What is paper and what is ink: one estimate for all characters, those that train and those that are read.

Paper is as bright as most of what lies along the edge of a box and around it, ink as the inkiest pixels within.  Both
are found for each box by itself, as paper is stained and unevenly lit and the brush runs dry, but neither may be far
from what is usual on the page, which keeps empty boxes black.  Where an image is one character, it is one box.

Then paper becomes black and ink white, as in the data sets, whose tones run from 0 to 255 in 99 % of the training
images of Kuzushiji-MNIST and Kuzushiji-Kanji: two thirds of their pixels are 0, and 6 % and 10 % are 255
(`python benchmarks/recognition.py --facts kmnist6k kkanji`).  Such an image stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, the latter two not within."""

LEAST_CONTRAST = 32
"""Between paper and ink; with less an image is blank."""
_EDGE = 0.02
"""How far the edge of a box reaches into it, as a share of its shorter side; most of it is paper."""
_MARGIN = 0.25
"""How far around a box its paper is looked for, as a share of its longer side."""
_EXTREME = 0.005
"""The ink is on that side of the paper on which so many of the pixels are further from it."""
_INK = 0.97
"""The ink is as bright as the pixel that is brighter than so many of those in the box."""
_GRAIN, _MOST_GRAIN = 2.0, 0.35
"""What is brighter than the paper by less than so many times the deviation of its grain is paper too, but no more than
such a share of the way to the ink."""
STAINED, FULL = 0.2, 0.75
"""Of the way from paper to ink on a page: so much is stained paper, and what shows through it from the other side; and
from there on it is the grain of the ink.  Characters then look as those of Kuzushiji-Kanji do."""
CHARACTER = 26
"""Side in pixels of the characters on a page as a detector is shown it: the square root of the usual area of a box."""


@dataclass(frozen=True)
class Tones:
    """Paper and ink in a box.  If the ink is dark, all tones are those of the inverted image.

    Attributes:
        dark_ink: whether the ink is darker than the paper.
        paper: the tone of the paper.
        brightest: the tone that all but a few pixels do not exceed: that of any ink there is.
        contrast: between the paper and the ink.
        grain: how much of the contrast is the grain of the paper.
        full: so much of the contrast is ink that is white.
    """

    dark_ink: bool
    paper: float
    brightest: float
    contrast: float
    grain: float
    full: float = 1.0

    def of(self, image: Image.Image) -> Image.Image:
        """The image with black paper and white ink."""
        share = ((np.arange(256) - self.paper) / self.contrast - self.grain) / (self.full - self.grain)
        table = (255 * share.clip(0, 1)).round().astype(np.uint8).tobytes()
        return Image.frombytes("L", image.size, image.tobytes().translate(table[::-1] if self.dark_ink else table))


def tones(
    image: Image.Image,
    boxes: Sequence[Box],
    dark_ink: bool | None = None,
    *,
    least_grain: float = 0.0,
    full: float = 1.0,
) -> list[Tones]:
    """Paper and ink in each of some boxes.

    Args:
        image: of mode L.
        boxes: one or more, all within the image.
        dark_ink: whether the ink is darker than the paper, in all of them; None if that is to be found out.
        least_grain: how much of the contrast is taken for the grain of the paper at least.
        full: so much of the contrast is ink that is white.
    """
    looks = [_look(image, box) for box in boxes]
    if dark_ink is None:
        dark_ink = sum(2 * look.paper - look.darkest - look.brightest for look in looks) > 0
    if dark_ink:
        looks = [look.inverted() for look in looks]
    usual = max(_middle([look.bright - look.paper for look in looks]), LEAST_CONTRAST)
    stained = _middle([look.paper for look in looks]) + usual / 2
    found = []
    for look in looks:
        paper = min(look.paper, stained)
        contrast = max(look.bright - look.paper, usual / 2, LEAST_CONTRAST)
        grain = min(_MOST_GRAIN, max(least_grain, _GRAIN * _deviation(look.around, int(paper)) / contrast))
        found.append(Tones(dark_ink, paper, look.brightest, contrast, grain, full))
    return found


def paper_side(image: Image.Image) -> float:
    """How bright the paper of an image of mode L is between its darkest and its brightest, from -1 to 1.

    From 0 on the ink is taken for dark, as `tones` does; near 0 there is doubt.
    """
    look = _look(image, (0, 0, *image.size))
    return (2 * look.paper - look.darkest - look.brightest) / max(1, look.brightest - look.darkest)


def tones_of(image: Image.Image, dark_ink: bool | None = None) -> Tones:
    """Paper and ink of a whole image, of mode L; as in `tones`."""
    return tones(image, [(0, 0, *image.size)], dark_ink)[0]


def ink_of_page(page: Image.Image, cell: int) -> NDArray[np.uint8]:
    """A page with black paper and white ink, each measured in every part of it, for paper is unevenly lit.

    Args:
        page: of mode L.
        cell: side of such a part in pixels, that of a few characters; from one to the next the tones pass smoothly.

    Returns:
        uint8 (H, W).
    """
    rows, columns = (np.linspace(0, side, max(1, side // cell) + 1).round().astype(int) for side in page.size[::-1])
    boxes = [
        (left, top, right, bottom)
        for top, bottom in pairwise(rows.tolist())
        for left, right in pairwise(columns.tolist())
    ]
    found = tones(page, boxes, least_grain=STAINED)
    measured = np.array([(each.paper, each.contrast, each.grain) for each in found], np.float32)
    paper, contrast, grain = (
        np.asarray(Image.fromarray(cells).resize(page.size, Image.Resampling.BILINEAR))
        for cells in measured.T.reshape(3, len(rows) - 1, len(columns) - 1)
    )
    pixels = np.asarray(page, np.float32)
    pixels = 255 - pixels if found[0].dark_ink else pixels
    share = ((pixels - paper) / contrast - grain) / (1 - grain)
    return (255 * share.clip(0, 1)).round().astype(np.uint8)


def ink_for_detector(page: Image.Image, scale: float) -> NDArray[np.uint8]:
    """A page as a detector is shown it, in training as in reading: so many times as large, its paper black, its ink
    white.

    Args:
        page: of mode L.
        scale: that which brings its characters to about `CHARACTER` pixels.

    Returns:
        uint8 (H, W).
    """
    return ink_of_page(scaled(page, scale), 6 * CHARACTER)


def scaled(image: Image.Image, scale: float) -> Image.Image:
    """An image so many times as large, a pixel at least."""
    size = max(1, round(scale * image.width)), max(1, round(scale * image.height))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3)


class _Look(NamedTuple):
    """How many pixels in and around a box have each of the 256 tones, the tone of its paper, and the tones that a few
    pixels in it exceed or are below, whichever of them be the ink."""

    around: NDArray[np.int64]
    darkest: int
    dark: int
    paper: int
    bright: int
    brightest: int

    def inverted(self) -> "_Look":
        around, *found = self
        return _Look(around[::-1], *(255 - tone for tone in reversed(found)))


def _look(image: Image.Image, box: Box) -> _Look:
    left, top, right, bottom = box
    margin = max(1, round(_MARGIN * max(right - left, bottom - top)))
    edge = max(1, round(_EDGE * min(right - left, bottom - top)))
    width, height = image.size
    grown = max(0, left - margin), max(0, top - margin), min(width, right + margin), min(height, bottom + margin)
    around = np.array(image.crop(grown).histogram())
    within = around if grown == box else np.array(image.crop(box).histogram())
    inner = left + edge, top + edge, max(left + edge, right - edge), max(top + edge, bottom - edge)
    beside = around - np.array(image.crop(inner).histogram())
    (paper,) = _quantiles(beside, [0.5])
    darkest, dark, bright, brightest = _quantiles(within, [_EXTREME, 1 - _INK, _INK, 1 - _EXTREME])
    return _Look(around, darkest, dark, paper, bright, brightest)


def _quantiles(histogram: NDArray[np.int64], shares: Sequence[float]) -> list[int]:
    """The tones that such shares of the pixels do not exceed."""
    sums = histogram.cumsum()
    found: list[int] = sums.searchsorted(sums[-1] * np.array(shares)).tolist()
    return found


def _deviation(histogram: NDArray[np.int64], paper: int) -> float:
    """Deviation of the paper's grain, from the tones that are further from the ink than the paper is."""
    counts = histogram[: paper + 1]
    squares = np.arange(paper, -1, -1) ** 2
    return float(np.sqrt((counts * squares).sum() / max(1, counts.sum())))


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
