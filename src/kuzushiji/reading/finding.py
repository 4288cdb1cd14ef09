"""A page, however large and at whatever scale -> the boxes of its characters."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.imaging.ink import CHARACTER, ink_for_detector
from kuzushiji.reading.detector import MAIN, STRIDE, Floats, Found, decode

Detect = Callable[[Floats], tuple[Floats, Floats]]
"""A detector: float32 (1, 1, H, W), ink bright from 0 to 1, both sides multiples of 32 -> heat (1, R, h, w) and boxes
(1, 4, h, w), as `decode` takes them."""

_LOOKS = (640, 1280, 2560)
"""Longer sides of the copies on which the scale of the writing is looked for."""
_ENOUGH, _TRIES = 1.15, 3
"""The scale is right if characters are so many times as large as they should be, or as small, at most."""
_TILE, _OVERLAP = 1024, 128


def find_characters(gray: NDArray[np.uint8], detect: Detect, least: float = 0.3) -> Found:
    """Finds the characters of a page; the scale of the writing is found too.

    Args:
        gray: uint8 (H, W), dark ink on bright paper or the other way round.
        detect: the detector.
        least: what is less probable is left out.

    Returns:
        Their boxes in pixels of the page, all within it; none on a blank page.
    """
    page = Image.fromarray(gray)
    longest = max(page.size)
    scales = sorted({min(1.0, side / longest) for side in _LOOKS})
    looks = [(scale, find_at(page, scale, detect, least)) for scale in scales]
    scale, found = max(looks, key=lambda look: float(look[1].scores.sum()))
    for _ in range(_TRIES):
        if not len(found):
            break
        factor = CHARACTER / _size(found, scale)
        wanted = min(scale * factor, 2.0, _LOOKS[-1] * 2 / longest)
        if 1 / _ENOUGH <= wanted / scale <= _ENOUGH:
            break
        again = find_at(page, wanted, detect, least)
        if not len(again):
            break
        scale, found = wanted, again
    return found


def find_at(page: Image.Image, scale: float, detect: Detect, least: float = 0.3) -> Found:
    """Finds the characters on a copy of a page, of mode L, that is `scale` times as large."""
    heat, maps = _maps(ink_for_detector(page, scale), detect)
    found = decode(heat, maps, least=least)
    low, high = found.boxes[:, :2] / scale, (found.boxes[:, :2] + found.boxes[:, 2:]) / scale
    low, high = low.clip(0, page.size), high.clip(0, page.size)
    boxes = np.concatenate([low, high - low], axis=1).astype(np.float32)
    return Found(boxes, found.scores, found.roles).take(np.flatnonzero(boxes[:, 2:].min(axis=1, initial=np.inf) >= 1))


def _size(found: Found, scale: float) -> float:
    """Usual side of the characters of the main text in pixels of the copy; of all where there are no others."""
    main = found.take(found.roles == MAIN)
    boxes = (main if len(main) else found).boxes
    return float(np.median(np.sqrt(boxes[:, 2] * boxes[:, 3]))) * scale


def _maps(ink: NDArray[np.uint8], detect: Detect) -> tuple[Floats, Floats]:
    """The maps of a whole page, put together from those of tiles, of which each gives what is not near its edge."""
    height, width = ink.shape
    padded = np.pad(ink, ((0, -height % 32), (0, -width % 32)))
    rows, columns = padded.shape
    heat: Floats | None = None
    maps = np.zeros((4, rows // STRIDE, columns // STRIDE), np.float32)
    for top, bottom, above, below in _spans(rows):
        for left, right, before, behind in _spans(columns):
            tile = padded[above:below, before:behind].astype(np.float32)[None, None] / np.float32(255)
            (hot,), (boxes,) = detect(tile)
            if heat is None:
                heat = np.zeros((len(hot), *maps.shape[1:]), np.float32)
            to = np.s_[:, top // STRIDE : bottom // STRIDE, left // STRIDE : right // STRIDE]
            y, x = (top - above) // STRIDE, (left - before) // STRIDE
            part = np.s_[:, y : y + (bottom - top) // STRIDE, x : x + (right - left) // STRIDE]
            heat[to], maps[to] = hot[part], boxes[part]
    assert heat is not None  # a page has a pixel at least
    return heat, maps


def _spans(side: int) -> Iterator[tuple[int, int, int, int]]:
    """Beginning and end of what each tile gives, and of what it sees."""
    for start in range(0, side, _TILE):
        stop = min(side, start + _TILE)
        yield start, stop, max(0, start - _OVERLAP), min(side, stop + _OVERLAP)
