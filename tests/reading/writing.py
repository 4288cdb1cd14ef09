"""A page of writing for tests."""

import numpy as np
from numpy.typing import NDArray

from kuzushiji import load


def page_of_writing(columns: int = 10, rows: int = 16) -> NDArray[np.uint8]:
    """Columns of kana, ink 255 on paper 0, uint8 (H, W)."""
    glyphs = load("brush:kmnist:20", "train").images[: columns * rows]
    room = np.pad(glyphs, ((0, 0), (4, 4), (10, 10)))
    height, width = room.shape[1:]
    return room.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)
