"""Any image of one character -> an image as those that the networks learnt from.

What those look like, measured on the training images of Kuzushiji-MNIST and Kuzushiji-Kanji by
`python benchmarks/recognition.py --facts kmnist6k kkanji` (a pixel is ink from 128 on):

- They are black, with bright ink: the median of the outermost pixels is below 128 in every image of both, that of all
  pixels in all but 0.02 %.
- A character fills the longer side: in half of the images no more than 1.6 % of it are free, in 95 % no more than 7.1 %
  (6.2 % in Kuzushiji-Kanji).  Its proportions are kept (59 % and 68 % are taller than wide), and it stands in the
  middle: the two margins along the shorter side differ by 2 pixels at most in 95 %.
- The tones run from 0 to 255 in 99 %: two thirds of the pixels are 0, and 6 % and 10 % are 255.  The mean pixel is 0.19
  and 0.22, the share of ink the same; in 98 % it is between 6 % and 39 %.

So the paper is found, made black, and what is left of its grain taken off; the ink is made white.  An image whose ink
spans most of it is one that was cut out as the data sets were, and is kept whole; of any other, the part with the ink
is cut out.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LOOK = 256
"""Paper and ink are looked for in a copy of at most twice so many pixels a side."""
_EDGE = 0.02
"""How wide the outermost pixels are, as a share of the shorter side; most of them are paper."""
_EXTREME = 0.005
"""The ink is as far from the paper as so many of the pixels are."""
_LEAST_CONTRAST = 32
"""Between paper and ink; with less the image is blank."""
_SPECKS = 0.002
"""As much of the ink at each side may be specks, or the tip of a stroke."""
_SPECK = 0.01
"""What stands apart from the rest, and has less of the ink than that, is a speck."""
_TIGHT = 0.9
"""Ink that spans so much of the longer side is that of a character cut out as in the data sets."""
_MARGIN = 0.015
"""What is left around the ink, as a share of its longer side, where it is cut out here."""
_INK = 0.97
"""The ink is as bright as the pixel that is brighter than so many of those that are cut out."""
_GRAIN, _MOST_GRAIN = 2.0, 0.35
"""What is brighter than the paper by less than so many times the deviation of its grain is paper too, but no more than
such a share of the way to the ink."""


def normalize(gray: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8] | None:
    """Brings an image of one character to what a network takes.

    Args:
        gray: uint8 (H, W), dark ink on bright paper or the other way round, cropped loosely or tightly.
        size: height and width of what the network takes.

    Returns:
        uint8 (height, width), ink bright on black; None if the image is blank.
    """
    image = Image.fromarray(gray)
    factor = max(1, max(image.size) // _LOOK)
    small = np.asarray(image.reduce(factor)) if factor > 1 else gray
    paper = _tone(_histogram(_edge(small)), 0.5)
    histogram = _histogram(small)
    if paper - _tone(histogram, _EXTREME) > _tone(histogram, 1 - _EXTREME) - paper:
        image, small, histogram, paper = Image.fromarray(255 - gray), 255 - small, histogram[::-1], 255 - paper
    brightest = _tone(histogram, 1 - _EXTREME)
    if brightest - paper < _LEAST_CONTRAST:
        brightest = int(np.flatnonzero(histogram)[-1])  # little ink on much paper
        if brightest - paper < _LEAST_CONTRAST:
            return None

    ink = small > (paper + brightest) / 2
    top, bottom = _span(np.count_nonzero(ink, axis=1))
    left, right = _span(np.count_nonzero(ink, axis=0))
    longest = max(bottom - top, right - left)
    if longest < _TIGHT * max(small.shape):
        margin = _MARGIN * longest
        box = left - margin, top - margin, right + margin, bottom + margin
        around = [max(0, round(factor * edge)) for edge in box]
        box = around[0], around[1], min(image.width, around[2]), min(image.height, around[3])
        image = image.crop(box)
        histogram = _histogram(small[box[1] // factor : box[3] // factor + 1, box[0] // factor : box[2] // factor + 1])

    contrast = max(_LEAST_CONTRAST, _tone(histogram, _INK) - paper)
    grain = min(_MOST_GRAIN, _GRAIN * _deviation(histogram, paper) / contrast)
    tones = ((np.arange(256) - paper) / contrast - grain) / (1 - grain)
    image = image.point((255 * tones.clip(0, 1)).astype(np.uint8).tolist())

    height, width = size
    scale = min(width / image.width, height / image.height)
    fitted = max(1, round(scale * image.width)), max(1, round(scale * image.height))
    if image.size != fitted:
        image = image.resize(fitted, Image.Resampling.BICUBIC, reducing_gap=3)
    normal = np.zeros(size, np.uint8)
    x, y = (width - fitted[0]) // 2, (height - fitted[1]) // 2
    normal[y : y + fitted[1], x : x + fitted[0]] = np.asarray(image)
    return normal


def _edge(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The outermost pixels."""
    wide = max(1, round(_EDGE * min(gray.shape)))
    sides = gray[:wide], gray[-wide:], gray[:, :wide], gray[:, -wide:]
    return np.concatenate([side.ravel() for side in sides])


def _histogram(gray: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many pixels have each of the 256 tones."""
    return np.bincount(gray.ravel(), minlength=256)


def _tone(histogram: NDArray[np.int64], share: float) -> int:
    """The tone that `share` of the pixels do not exceed."""
    sums = histogram.cumsum()
    return int(np.searchsorted(sums, share * sums[-1]))


def _deviation(histogram: NDArray[np.int64], paper: int) -> float:
    """Deviation of the paper's grain, from the tones that are further from the ink than the paper is."""
    counts = histogram[: paper + 1]
    squares = np.arange(paper, -1, -1) ** 2
    return float(np.sqrt((counts * squares).sum() / max(1, counts.sum())))


def _span(counts: NDArray[np.int64]) -> tuple[int, int]:
    """First row (or column) with ink, and the one after the last, but for specks."""
    inked = np.flatnonzero(counts)
    runs = np.split(inked, np.flatnonzero(np.diff(inked) > 1) + 1)
    whole = [run for run in runs if counts[run].sum() >= _SPECK * counts.sum()] or runs
    sums = counts[: whole[-1][-1] + 1].cumsum()
    sums -= counts[: whole[0][0]].sum()
    specks = _SPECKS * sums[-1]
    return int(np.searchsorted(sums, specks, side="right")), int(np.searchsorted(sums, sums[-1] - specks)) + 1
