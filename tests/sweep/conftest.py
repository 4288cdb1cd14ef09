from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def bars_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """160 training images of 12 x 12 pixels in four classes, in npz files; those with the test images are garbage."""
    folder = tmp_path_factory.mktemp("data") / "bars"
    folder.mkdir()
    random = np.random.default_rng(0)
    labels = np.arange(160, dtype=np.uint8) % 4
    images = random.integers(0, 60, (160, 12, 12), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[3 * label : 3 * label + 2] += np.uint8(random.integers(15, 60))
    np.savez(folder / "bars-train-imgs.npz", images)
    np.savez(folder / "bars-train-labels.npz", labels)
    np.savez(folder / "bars-test-labels.npz", labels[:20])
    (folder / "bars-test-imgs.npz").write_bytes(b"whoever reads this fails")
    return folder
