"""Whether boxes are where the writing is, or must mean something else than left, top, width and height."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.data.pages.cutting import BROKEN, CLIPPED, OUTSIDE, CutPages
from kuzushiji.data.pages.files import FileReader
from kuzushiji.data.pages.tables import BoxedPage
from kuzushiji.errors import DataError
from kuzushiji.imaging.ink import ink_of_page, scaled
from kuzushiji.imaging.read import read_gray

_MANY_BEYOND = 10, 0.1
"""Of boxes that reach beyond their page so many are bad luck at most, and such a share of all."""
_CORNERS = 0.95
"""The share of boxes that could be two corners from which on they are."""
_PAGES, _BOXES = 6, 30
"""On so many pages it is looked at whether boxes fit, if there are so many boxes on them."""
_SIDE = 12
"""Pixels a side that a box is brought to, for which ink is all there is to see."""
_MORE_INK = 1.25
"""Boxes that would hold so many times the ink half a box away are not where the writing is: right ones hold most where
they are, for between characters is paper (0.6 to 0.95 times as much half a box away, on 42 pages of CODH's)."""
_LEAST_INK = 0.01
"""Where boxes hold less than such a share of ink, as on blank pages, it is as if they held that."""


def refuse_beyond(path: Path, pages: Sequence[BoxedPage], cut: CutPages) -> None:
    """Looks whether boxes lie on their pages.

    Raises:
        DataError: so many reach beyond them that they must mean something else.
    """
    beyond = np.isin(cut.fates, (CLIPPED, OUTSIDE))
    count, every = int(beyond.sum()), int((cut.fates != BROKEN).sum())
    if count < _MANY_BEYOND[0] or count < _MANY_BEYOND[1] * every:
        return
    left, top, width, height = np.concatenate([page.boxes for page in pages]).T
    corners = ((width > left) & (height > top)).mean() > _CORNERS
    cause = (
        "they look like left, top, right and bottom: subtract the former from the latter"
        if corners
        else "were they drawn on larger images than these, or are they left, top, right and bottom?"
    )
    raise DataError(
        f"{path}: {count:,} of {every:,} boxes reach beyond their page; expected left, top, width and height in its "
        f"pixels, but {cause}"
    )


def refuse_elsewhere(path: Path, pages: Sequence[BoxedPage]) -> None:
    """Looks at some pages whether the writing is in the boxes, and not beside them.

    Raises:
        DataError: they would hold much more ink half a box away.
    """
    some = [page for page in pages if page.image and len(page)]
    some = [some[number] for number in np.unique(np.linspace(0, len(some) - 1, min(_PAGES, len(some))).astype(int))]
    if sum(map(len, some)) < _BOXES:
        return
    held = ink_beside(some)
    right, down = max(held, key=lambda shift: held[shift])
    more = held[right, down] / max(held[0, 0], _LEAST_INK)
    if more < _MORE_INK:
        return
    cause = (
        "they look like the middle, width and height: subtract half of these from the middle"
        if (right, down) == (-1, -1)
        else "were they drawn on images of another size, or is their order another?"
    )
    raise DataError(
        f"{path}: the boxes are not where the writing is; half a box away they would hold {more:.1f} times the ink. "
        f"Expected left, top, width and height in pixels of the page, but {cause}"
    )


def ink_beside(pages: Sequence[BoxedPage]) -> dict[tuple[int, int], float]:
    """How much of the boxes of pages is ink, and would be if they stood half their width and height elsewhere.

    Returns:
        By where they stand, such as (-1, 1) for half a box to the left and down, the mean share; pages whose image
        is damaged are left out.
    """
    shifts = [(right, down) for right in (0, -1, 1) for down in (0, -1, 1)]
    ink, area = np.zeros(len(shifts)), np.zeros(len(shifts))
    with FileReader() as reader:
        for page in pages:
            assert page.image is not None
            try:
                gray = Image.fromarray(read_gray(reader.content(page.image)))
            except DataError:  # which is told when it is cut
                continue
            boxes = page.boxes.astype(np.float64)
            scale = min(1, _SIDE / max(1, np.median(np.sqrt(boxes[:, 2] * boxes[:, 3]))))
            sums = ink_of_page(scaled(gray, scale), 6 * _SIDE).astype(np.float64).cumsum(0).cumsum(1)
            sums = np.pad(sums, ((1, 0), (1, 0))) / 255
            for number, (right, down) in enumerate(shifts):
                shifted = boxes + boxes[:, [2, 3, 2, 3]] * [right / 2, down / 2, 0, 0]
                found = _within(sums, shifted * scale)
                ink[number] += found[0]
                area[number] += found[1]
    return dict(zip(shifts, (ink / np.maximum(area, 1)).tolist(), strict=True))


def _within(sums: NDArray[np.float64], boxes: NDArray[np.float64]) -> tuple[float, float]:
    """The ink in boxes and their area, from the sums of the ink above and left of each pixel."""
    height, width = (side - 1 for side in sums.shape)
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1).round().astype(np.int64)
    left, top, right, bottom = np.clip(corners, 0, [width, height, width, height]).T
    ink = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return float(ink.sum()), float(((right - left) * (bottom - top)).sum())
