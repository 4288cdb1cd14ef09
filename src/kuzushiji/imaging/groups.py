"""Whether an image shows one whole character, by how its ink is spread."""

import numpy as np
from numpy.typing import NDArray

_ROOM = 0.05
"""Of the longer side of the image: where so much is free on three sides, nothing should go on beyond the fourth."""
_CUT = 0.12
"""Of the longer side: ink along an edge for so long goes on beyond it."""

_LONG_COLUMN, _LONG_ROW = 1.35, 0.95
"""Height by width of two characters in a column at least, width by height of two side by side."""
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
        return _falls_apart(ink)
    return width >= _LONG_ROW * height and _falls_apart(ink.T)


def _falls_apart(ink: NDArray[np.bool_]) -> bool:
    """Whether empty rows divide the ink into parts that are as high as characters."""
    counts = ink.sum(axis=1)
    share = counts.cumsum() / counts.sum()
    width = ink.shape[1]
    for row in np.flatnonzero(counts == 0):
        if _LEAST_PART <= share[row] <= 1 - _LEAST_PART:
            parts = _trimmed(ink[:row]), _trimmed(ink[row:])
            if min(len(part) for part in parts) >= _LEAST_HIGH * width:
                return True
    return False


def _trimmed(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
