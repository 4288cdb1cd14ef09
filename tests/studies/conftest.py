from pathlib import Path

import numpy as np
import pytest


def make_bars(folder: Path) -> Path:
    """Fills a folder with npz files as those of Kuzushiji-MNIST: 240 training and 80 test images of 12 x 12 pixels."""
    folder.mkdir()
    random = np.random.default_rng(0)
    for split, count in (("train", 240), ("test", 80)):
        labels = np.arange(count, dtype=np.uint8) % 4
        images = random.integers(0, 60, (count, 12, 12), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[3 * label : 3 * label + 2] += 150
        np.savez(folder / f"bars-{split}-imgs.npz", images)
        np.savez(folder / f"bars-{split}-labels.npz", labels)
    return folder


@pytest.fixture
def bars_folder(tmp_path) -> Path:
    """See `make_bars`."""
    return make_bars(tmp_path / "bars")
