"""What trials of the whole program share: how it is called, a port, and pages that are drawn."""

import socket
import sys

import numpy as np
from numpy.typing import NDArray
from PIL import Image

KUZUSHIJI = (sys.executable, "-m", "kuzushiji")
"""The program, of the Python that runs the trial."""

_SIDE = 56


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def draw_page(inks: NDArray[np.uint8]) -> tuple[Image.Image, list[tuple[int, int, int, int]]]:
    """A page with a character in dark ink for each image (N, 28, 28) of ink, four in a column, and their boxes."""
    sheet = np.full((340, 220), 235, np.uint8)
    boxes = []
    for place, ink in enumerate(inks):
        left, top = 130 - 80 * (place // 4), 20 + 75 * (place % 4)
        sheet[top : top + _SIDE, left : left + _SIDE] = np.kron(255 - ink, np.ones((2, 2), np.uint8))
        boxes.append((left, top, _SIDE, _SIDE))
    return Image.fromarray(sheet), boxes
