import numpy as np
import pytest

from kuzushiji.data.images import CharacterImages


@pytest.fixture
def bars() -> CharacterImages:
    """240 images of 12 x 12 pixels in four classes, told apart by where a bright bar lies."""
    random = np.random.default_rng(0)
    labels = np.arange(240, dtype=np.int64) % 4
    images = random.integers(0, 60, (240, 12, 12), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[3 * label : 3 * label + 2] += 150
    return CharacterImages(images, labels, tuple("おきすつ"), name="bars", split="train")
