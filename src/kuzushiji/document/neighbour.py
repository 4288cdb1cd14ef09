"""What a scan of one page shows of the page beside it: a strip at its left or right end, most often cut through."""

import numpy as np
from numpy.typing import NDArray

from kuzushiji.document.geometry import Boxes, centres_of
from kuzushiji.imaging.rules import Rules

_WIDEST = 0.2
"""A strip is at most so wide, as a share of the image."""
_NEAR = 2.0
"""Half of its characters are no further from the end of the image, in usual widths of characters."""
_GAP, _USUAL_GAPS = 1.0, 1.6
"""Between the strip and the page nothing is written for so many usual widths, and so many of the usual gaps."""
_FRAMED = 0.5
"""An upright line stands there that is so long, as a share of the height that is written on."""
_GAPS = 3
"""The columns have so many gaps between them at least."""
_INNER = 0.25
"""What lies so far inside a box, as a share of its width, is not free."""


def on_another_page(boxes: Boxes, text: NDArray[np.bool_], width: int, rules: Rules) -> NDArray[np.bool_]:
    """Which characters stand on the page beside the one that was scanned.

    That is so at an end of the image, beyond a gap that is wider than those between columns and has a frame or a fold
    in it.

    Args:
        boxes: (n, 4), left, top, width and height of the characters of a page that is written in columns.
        text: (n,), which of them are of its text; ruby is not.
        width: of the image.
        rules: its ruled lines.

    Returns:
        (n,), true for those.
    """
    start, stop = _ends(boxes[text], width, rules)
    middles = centres_of(boxes)[:, 0]
    return (middles < start) | (middles > stop)


def _ends(boxes: Boxes, width: int, rules: Rules) -> tuple[float, float]:
    """Where the page begins and ends; 0 and the width where no other one shows."""
    ends = 0.0, float(width)
    gaps = _gaps(boxes)
    if len(gaps) < _GAPS:
        return ends
    usual, usual_gap = float(np.median(boxes[:, 2])), float(np.median(np.diff(gaps)))
    left, top, right, bottom = boxes[:, 0], boxes[:, 1], boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]
    middles = centres_of(boxes)[:, 0]
    upright = rules.vertical[np.diff(rules.vertical[:, 1:]).ravel() >= _FRAMED * (bottom.max() - top.min())]
    for start, stop in gaps:
        framed = ((upright[:, 0] >= start) & (upright[:, 0] <= stop)).any()
        if not framed or stop - start < max(_GAP * usual, _USUAL_GAPS * usual_gap):
            continue
        middle = (start + stop) / 2
        before, behind = middles < middle, middles > middle
        if middle <= _WIDEST * width and np.median(left[before]) <= _NEAR * usual:
            ends = middle, ends[1]
        elif middle >= (1 - _WIDEST) * width and np.median(width - right[behind]) <= _NEAR * usual:
            return ends[0], middle
    return ends


def _gaps(boxes: Boxes) -> NDArray[np.float64]:
    """(k, 2): from where to where nothing is written between two columns, from the left."""
    starts = boxes[:, 0] + _INNER * boxes[:, 2]
    stops = boxes[:, 0] + (1 - _INNER) * boxes[:, 2]
    order = np.argsort(starts)
    starts, reached = starts[order], np.maximum.accumulate(stops[order])
    apart = np.flatnonzero(starts[1:] > reached[:-1])
    return np.stack([reached[apart], starts[apart + 1]], axis=1)
