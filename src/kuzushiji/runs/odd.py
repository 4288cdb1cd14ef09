"""What is odd about the images of a training, of which no number of its report would tell."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.images import CharacterImages
from kuzushiji.data.splits import pixel_hash

_TOLD_FROM = 0.01
"""Published sets have a few of everything; it is told where it is more than such a share of the images."""


def oddities(train: CharacterImages, *others: CharacterImages | None) -> Iterator[str]:
    """What is odd, a sentence each.

    Args:
        train: the images that train.
        others: those that validate and test, if there are any, labelled by the same classes.
    """
    if blank := _told((~train.images.any(axis=(1, 2))).sum(), len(train)):
        yield f"{blank} training images are blank"
    trained = train.class_counts() > 0
    for data in others:
        if not data:
            continue
        lacking = ~trained[data.labels]
        if unknown := _told(lacking.sum(), len(data)):
            names = [data.classes[label] for label in np.unique(data.labels[lacking])[:10]]
            yield (
                f"{unknown} {data.split} images are of classes without a training image, such as {' '.join(names)}: "
                "nothing learns to name these"
            )
        if same := _told(_shared(train.images, data.images), len(data)):
            yield f"{same} {data.split} images are among the training images too: what is measured on them is too high"


def _told(count: int, every: int) -> str:
    """How many of how many; empty if they are too few to be told of."""
    return f"{count:,} of {every:,}" if count and count >= _TOLD_FROM * every else ""


def _shared(train: NDArray[np.uint8], others: NDArray[np.uint8]) -> int:
    """How many images have the pixels of a training image; a blank one is like any other."""
    known = set(map(pixel_hash, train))
    return sum(pixel_hash(image) in known for image in others if image.any())
