"""Clean data with clear classes, in which tests plant what is to be found."""

from dataclasses import replace

import numpy as np

from kuzushiji.data.images import CharacterImages

CLASSES = ("お", "き", "す", "つ")


def make_splits(train: int = 30, test: int = 15, side: int = 16, seed: int = 0) -> dict[str, CharacterImages]:
    """Two splits with so many images of each class; those of a class are alike, and no two are equal or nearly so."""
    generator = np.random.default_rng(seed)
    patterns = generator.random((len(CLASSES), side, side)) > 0.7
    splits = {}
    for name, each in (("train", train), ("test", test)):
        labels = np.repeat(np.arange(len(CLASSES)), each)
        ink = patterns[labels] * generator.uniform(120, 255, (len(labels), side, side))
        # A share of the ink is missing and some is elsewhere, so that the cosine of two images stays below 0.9.
        ink *= generator.random(ink.shape) > 0.2
        ink += (generator.random(ink.shape) > 0.95) * 200
        order = generator.permutation(len(labels))
        splits[name] = CharacterImages(
            np.clip(ink, 0, 255).astype(np.uint8)[order], labels[order].astype(np.int64), CLASSES, "planted", name
        )
    return splits


def with_images(data: CharacterImages, changes: dict[int, np.ndarray]) -> CharacterImages:
    """The same data with some images replaced."""
    images = data.images.copy()
    for number, image in changes.items():
        images[number] = image
    return replace(data, images=images)


def with_labels(data: CharacterImages, changes: dict[int, int]) -> CharacterImages:
    """The same data with some labels replaced."""
    labels = data.labels.copy()
    for number, label in changes.items():
        labels[number] = label
    return replace(data, labels=labels)
