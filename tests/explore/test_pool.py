from dataclasses import replace

import numpy as np
import pytest

from kuzushiji.errors import DataError
from kuzushiji.explore.pool import Pool
from tests.explore.planted import make_splits


@pytest.fixture
def splits():
    splits = make_splits(3, 2)
    return {"train": splits["train"], "test": replace(splits["test"], ids=np.arange(8) + 100)}


def test_images_are_numbered_through(splits):
    pool = Pool(splits)
    assert len(pool) == 12 + 8
    assert pool.bounds == {"train": (0, 12), "test": (12, 20)}
    wanted = np.array([19, 0, 12, 11])
    found = pool.images(wanted)
    assert np.array_equal(found[0], splits["test"].images[7])
    assert np.array_equal(found[1], splits["train"].images[0])
    assert np.array_equal(found[2], splits["test"].images[0])
    assert np.array_equal(found[3], splits["train"].images[11])
    assert np.array_equal(pool.labels[wanted[:1]], splits["test"].labels[7:8])
    assert pool.split_numbers.tolist() == [0] * 12 + [1] * 8


def test_an_image_is_described_by_split_and_published_id(splits):
    pool = Pool(splits)
    assert pool.describe(11)["split"] == "train"
    assert pool.describe(12) == {
        "split": "test",
        "id": 100,
        "character": splits["test"].classes[splits["test"].labels[0]],
    }


def test_batches_see_every_image_once(splits):
    pool = Pool(splits)
    seen = [(start + place, image) for start, images in pool.batches(5) for place, image in enumerate(images)]
    assert [number for number, _ in seen] == list(range(20))
    assert np.array_equal(np.stack([image for _, image in seen]), pool.images(np.arange(20)))


def test_splits_that_do_not_belong_together_are_refused(splits):
    other = replace(splits["test"], classes=("a", "b", "c", "d"))
    with pytest.raises(DataError, match="train and the test images of planted differ"):
        Pool({"train": splits["train"], "test": other})
    with pytest.raises(DataError, match="no image"):
        Pool({})
