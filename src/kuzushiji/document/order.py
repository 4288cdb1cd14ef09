"""In which order the characters of a page are read."""

import numpy as np
from numpy.typing import ArrayLike

from kuzushiji.document.geometry import centres_of


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
