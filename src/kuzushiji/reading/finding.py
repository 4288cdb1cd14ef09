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

_LOOK = 900
"""Longer side of the copy on which the scale of the writing is looked for first."""
_ENOUGH, _TRIES, _LEAP = 1.15, 4, 3.0
"""The scale is right if characters are so many times as large as they should be, or as small, at most; else it is
changed, by so much at most at once."""
_FINER, _MORE, _FEW = 3.0, 2.5, 4.0
"""The writing is so many times as small as it seemed if in a part of a copy that is as much larger so many times as
many characters are found, and so many at least."""
_PART = 640
"""Pixels a side of that part."""
_LARGEST = 2.0
"""A page is made so many times as large at most."""
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
    scale = min(1.0, _LOOK / max(page.size))
    scale, found = _settled(page, scale, detect, least)
    while _FINER * scale <= _LARGEST:
        if _is_finer(page, scale, found, detect, least):
            scale, found = _settled(page, _FINER * scale, detect, least)
        elif len(found):
            break
        else:
            scale *= _FINER
    return found


def _settled(page: Image.Image, scale: float, detect: Detect, least: float) -> tuple[float, Found]:
    """The scale at which characters are as large as they should be, looked for from another one; and these."""
    found = find_at(page, scale, detect, least)
    for _ in range(_TRIES):
        if not len(found):
            break
        factor = float(np.clip(CHARACTER / _size(found, scale), 1 / _LEAP, _LEAP))
        wanted = min(scale * factor, _LARGEST)
        if 1 / _ENOUGH <= wanted / scale <= _ENOUGH:
            break
        again = find_at(page, wanted, detect, least)
        if not len(again):
            break
        scale, found = wanted, again
    return scale, found


def _is_finer(page: Image.Image, scale: float, found: Found, detect: Detect, least: float) -> bool:
    """Whether what was taken for characters are heaps of smaller ones, as a part of a larger copy shows."""
    reach = _PART / (2 * _FINER * scale)
    if len(found):
        middle = np.median(found.boxes[:, :2] + found.boxes[:, 2:] / 2, axis=0)
    else:
        middle = _inkiest(page, scale, reach)
    left, top = (middle - reach).clip(0).astype(int).tolist()
    right, bottom = np.minimum(middle + reach, page.size).astype(int).tolist()
    part = find_at(page.crop((left, top, right, bottom)), _FINER * scale, detect, least)
    x, y = (found.boxes[:, :2] + found.boxes[:, 2:] / 2).T
    before = found.scores[(x >= left) & (x < right) & (y >= top) & (y < bottom)]
    return float(part.scores.sum()) > max(_FEW, _MORE * float(before.sum()))


def _inkiest(page: Image.Image, scale: float, reach: float) -> NDArray[np.float64]:
    """The middle of the part of a page, `reach` pixels to each side, that has the most ink."""
    ink = Image.fromarray(ink_for_detector(page, scale))
    step = max(1, round(reach * scale))
    cells = ink.resize((max(1, ink.width // step), max(1, ink.height // step)), Image.Resampling.BOX)
    row, column = np.unravel_index(np.asarray(cells).argmax(), (cells.height, cells.width))
    return (np.array([column, row]) + 0.5) * np.array(page.size) / cells.size


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
