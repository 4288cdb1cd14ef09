import numpy as np
import pytest

from kuzushiji.data.images import CharacterImages
from tests.bars import bar_images


@pytest.fixture
def bars() -> CharacterImages:
    """240 images of 12 x 12 pixels in four classes."""
    images, labels = bar_images(240)
    return CharacterImages(images, labels.astype(np.int64), tuple("おきすつ"), name="bars", split="train")


@pytest.fixture
def test_bars(bars: CharacterImages) -> CharacterImages:
    return bars.select(slice(0, 80), split="test")
