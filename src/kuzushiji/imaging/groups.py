"""Whether an image shows one whole character, by how its ink is spread."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_ROOM = 0.05
"""Of the longer side of the image: where so much is free on three sides, nothing should go on beyond the fourth."""
_CUT = 0.12
"""Of the longer side: ink along an edge for so long goes on beyond it."""

_LONG_COLUMN, _LONG_ROW = 1.35, 0.95
"""Height by width of two characters in a column at least, width by height of two side by side."""
_SHORT_COLUMN = 0.9
"""The same of two flat characters, each of which is about as wide as both, and has about half of the ink."""
_LEAST_WIDE, _LEAST_HALF = 0.9, 0.35
"""Of the width of both and of the ink of both, what each of these has at least."""
_LEAST_PART = 0.15
"""Share of the ink that each of several characters has at least."""
_LEAST_HIGH = 0.3
"""And so high is each, or so wide if side by side, by the width or height of all."""


def doubt_of(ink: NDArray[np.bool_]) -> str:
    """What speaks against one whole character; empty if nothing does.

    Args:
        ink: (H, W), of an image that was cleaned.
    """
    if not ink.any():
        return ""
    if _goes_on(ink):
        return "a part of another character at the edge"
    return "several characters" if _are_several(ink) else ""


def _goes_on(ink: NDArray[np.bool_]) -> bool:
    """Whether a part of the next character lies at one edge of an image, with room at the others."""
    longer = max(ink.shape)
    turned = [np.rot90(ink, turns) for turns in range(4)]  # each with another edge above
    at_edge = [np.count_nonzero(each[0]) >= _CUT * longer for each in turned]
    free = [np.flatnonzero(each.any(axis=1))[0] >= _ROOM * longer for each in turned]
    return (sum(at_edge), sum(free)) == (1, 3) and _is_apart(turned[at_edge.index(True)])


def _is_apart(ink: NDArray[np.bool_]) -> bool:
    """Whether the ink at the upper edge hangs together with less than half of the rest."""
    counts = ink.sum(axis=1)
    empty = np.flatnonzero(counts == 0)
    return len(empty) > 0 and counts[: empty[0]].sum() < counts.sum() / 2


def _are_several(ink: NDArray[np.bool_]) -> bool:
    """Whether the ink falls apart into two or more parts that are as large as characters beside each other."""
    ink = _trimmed(ink)
    height, width = ink.shape
    if height >= _LONG_COLUMN * width:
        return any(_divided(ink, _LEAST_PART))
    if height >= _SHORT_COLUMN * width and any(
        min(part.shape[1] for part in parts) >= _LEAST_WIDE * width for parts in _divided(ink, _LEAST_HALF)
    ):
        return True
    return width >= _LONG_ROW * height and any(_divided(ink.T, _LEAST_PART))


def _divided(ink: NDArray[np.bool_], least: float) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """What is above and below of each empty row, if each has so much of the ink and is as high as a character."""
    counts = ink.sum(axis=1)
    share = counts.cumsum() / counts.sum()
    width = ink.shape[1]
    for row in np.flatnonzero(counts == 0):
        if least <= share[row] <= 1 - least:
            parts = _trimmed(ink[:row]), _trimmed(ink[row:])
            if min(len(part) for part in parts) >= _LEAST_HIGH * width:
                yield parts


def _trimmed(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
