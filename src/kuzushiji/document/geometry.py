"""Boxes and polygons on a page.

A box is left, top, width and height; a polygon is its corners (x, y), those of a character four, clockwise from the one
at its upper left.  All are in pixels of the page as a person sees it, x to the right, y down.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Boxes = NDArray[np.float64]
"""(n, 4): left, top, width, height."""


def polygons_of(boxes: ArrayLike) -> NDArray[np.float32]:
    """The corners of boxes.

    Args:
        boxes: (n, 4): left, top, width, height.

    Returns:
        float32 (n, 4, 2): upper left, upper right, lower right, lower left.
    """
    left, top, width, height = np.asarray(boxes, np.float64).reshape(-1, 4).T
    right, bottom = left + width, top + height
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    return np.ascontiguousarray(corners.transpose(2, 0, 1))


def boxes_of(polygons: ArrayLike) -> Boxes:
    """The smallest upright boxes around polygons.

    Args:
        polygons: (n, corners, 2).

    Returns:
        float64 (n, 4): left, top, width, height.
    """
    corners = np.asarray(polygons, np.float64)
    if not len(corners):
        return np.zeros((0, 4))
    first, last = corners.min(axis=1), corners.max(axis=1)
    return np.hstack([first, last - first])


def box_around(polygons: ArrayLike) -> NDArray[np.float32]:
    """The polygon of the smallest upright box around all corners given, float32 (4, 2).

    Args:
        polygons: (..., 2), one corner at least.
    """
    return polygons_of(boxes_of(np.asarray(polygons, np.float64).reshape(1, -1, 2)))[0]


def centres_of(boxes: ArrayLike) -> NDArray[np.float64]:
    """The middle of each box, (n, 2)."""
    values = np.asarray(boxes, np.float64).reshape(-1, 4)
    return values[:, :2] + values[:, 2:] / 2


def within(points: ArrayLike, boxes: ArrayLike) -> NDArray[np.bool_]:
    """Which points lie in which boxes, their edges included.

    Args:
        points: (n, 2).
        boxes: (m, 4).

    Returns:
        bool (n, m).
    """
    places = np.asarray(points, np.float64).reshape(-1, 1, 2)
    values = np.asarray(boxes, np.float64).reshape(1, -1, 4)
    first, last = values[..., :2], values[..., :2] + values[..., 2:]
    inside: NDArray[np.bool_] = np.all((places >= first) & (places <= last), axis=2)
    return inside


def overlaps(boxes: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of each box with each of others.

    Args:
        boxes: (n, 4).
        others: (m, 4).

    Returns:
        (n, m), 0 to 1; 0 where both are empty.
    """
    one, other = np.asarray(boxes, np.float64).reshape(-1, 1, 4), np.asarray(others, np.float64).reshape(1, -1, 4)
    first = np.maximum(one[..., :2], other[..., :2])
    last = np.minimum(one[..., :2] + one[..., 2:], other[..., :2] + other[..., 2:])
    common = (last - first).clip(0).prod(axis=2)
    union = one[..., 2:].prod(axis=2) + other[..., 2:].prod(axis=2) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def clip(boxes: NDArray, size: tuple[int, int]) -> NDArray:
    """Cuts boxes off at the edge of their page.

    Args:
        boxes: (n, 4), whole or real numbers.
        size: width and height of the page.

    Returns:
        Boxes of the same type; what has no part in the page has width or height 0 or less.
    """
    wide = boxes.astype(np.int64 if boxes.dtype.kind == "i" else np.float64)  # no sum of two overflows
    first = np.maximum(wide[:, :2], 0)
    last = np.minimum(wide[:, :2] + wide[:, 2:], size)
    return np.hstack([first, last - first]).astype(boxes.dtype)


def whole(boxes: NDArray, size: tuple[int, int]) -> NDArray[np.int32]:
    """Boxes (n, 4) rounded to whole pixels, within their page and of one pixel at least.

    Args:
        size: width and height of the page.
    """
    rounded = np.round(boxes).astype(np.int32)
    rounded[:, :2] = np.clip(rounded[:, :2], 0, np.array(size) - 1)
    rounded[:, 2:] = np.maximum(rounded[:, 2:], 1)
    return clip(rounded, size)


def column_starts(boxes: ArrayLike) -> list[int]:
    """Where columns begin among characters that are in reading order already.

    A column ends where the next character is not below the middle of the one before it.

    Args:
        boxes: (n, 4): left, top, width and height, in reading order, columns from the right to the left.

    Returns:
        Numbers of the characters that columns begin with, 0 first; none of no character.
    """
    heights = centres_of(boxes)[:, 1]
    return [0, *(np.flatnonzero(np.diff(heights) <= 0) + 1).tolist()] if len(heights) else []
