"""Whether images of single characters show dark ink on bright paper, or bright ink on dark."""

import numpy as np
from numpy.typing import NDArray

LEAST_CONTRAST = 64
"""Between the darkest and the brightest pixel; with less an image says nothing."""
CLEAR = 0.8
"""So much of the edge of an image is paper where it is clear which of the two is the paper.  Of 6,284 images of
Kuzushiji-MNIST and 101,867 of Kuzushiji-Kanji, all bright on dark, none is clearly dark on bright by it, and 99.8 % are
clearly what they are."""

BRIGHT_PAPER, UNCLEAR, DARK_PAPER = 1, 0, -1


def papers(images: NDArray[np.uint8]) -> NDArray[np.int8]:
    """The paper of each image, as far as it is clear: most of its edge and of all its pixels.

    Args:
        images: uint8 (N, H, W).

    Returns:
        (N,), each `BRIGHT_PAPER`, `DARK_PAPER` or `UNCLEAR`.
    """
    flat = images.reshape(len(images), -1)
    darkest, brightest = (found.astype(np.int64) for found in (flat.min(axis=1), flat.max(axis=1)))
    middle = ((darkest + brightest) // 2)[:, None]
    edges = [images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]]
    of_edge = (np.concatenate(edges, axis=1) > middle).mean(axis=1)
    of_all = (flat > middle).mean(axis=1)
    told = brightest - darkest >= LEAST_CONTRAST
    bright = told & (of_edge >= CLEAR) & (of_all > 0.5)
    dark = told & (of_edge <= 1 - CLEAR) & (of_all < 0.5)
    return (bright.astype(np.int8) - dark.astype(np.int8)).astype(np.int8)


def told_apart(bright: int, dark: int) -> str:
    """What to say of images of which some are of one kind and some of the other; empty where all are of one."""
    if not bright or not dark:
        return ""
    count = "1 is" if bright == 1 else f"{bright:,} are"
    return f"of {bright + dark:,} images {count} dark on bright, the others bright on dark; the former were inverted"
