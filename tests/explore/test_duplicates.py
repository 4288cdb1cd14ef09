import numpy as np
import pytest

from kuzushiji.explore.duplicates import scan
from kuzushiji.explore.health import check_health
from kuzushiji.explore.pool import Pool
from tests.explore.planted import make_splits, with_images, with_labels


def numbers(groups):
    return {group.numbers for group in groups}


@pytest.fixture(scope="module")
def clean():
    return check_health(Pool(make_splits()))


def test_clean_data_is_clean(clean):
    assert clean.blanks.tolist() == []
    assert clean.exact == ()
    assert clean.near == ()
    assert clean.compared == 180
    assert list(clean.seconds) == [
        "blank images and exact duplicates",
        "principal components",
        "nearest neighbours",
        "near duplicates",
        "labels",
        "shift",
    ]


def test_planted_blanks_are_found_and_nothing_else():
    splits = make_splits()
    faint = np.zeros((16, 16), dtype=np.uint8)
    faint[3, 3] = 200  # a dot is no blank
    splits["train"] = with_images(splits["train"], {5: np.zeros((16, 16)), 77: np.full((16, 16), 255), 9: faint})
    splits["test"] = with_images(splits["test"], {0: np.full((16, 16), 7) + np.eye(16)})
    health = check_health(Pool(splits))
    assert health.blanks.tolist() == [5, 77, 120]
    assert health.exact == ()
    assert health.near == ()
    assert not set(health.suspects.places.tolist()) & {5, 77, 120}
    assert health.compared == 177
    assert [each["split"] for each in health.to_dict()["blank"]["images"]] == ["train", "train", "test"]


def test_planted_duplicates_are_found_and_nothing_else():
    splits = make_splits()
    train, test = splits["train"], splits["test"]
    same = int(np.flatnonzero(train.labels == train.labels[3])[5])
    splits["train"] = with_images(train, {same: train.images[3]})
    splits["test"] = with_images(test, {10: train.images[8], 11: train.images[8]})
    splits["test"] = with_labels(splits["test"], {10: train.labels[8], 11: (train.labels[8] + 1) % 4})
    health = check_health(Pool(splits))
    assert numbers(health.exact) == {tuple(sorted((3, same))), (8, 130, 131)}
    within, across = sorted(health.exact, key=lambda group: len(group.numbers))
    assert (within.between_splits, within.labels_differ) == (False, False)
    assert (across.between_splits, across.labels_differ) == (True, True)
    assert health.near == ()
    written = health.to_dict()["exact_duplicates"]
    assert written["groups"] == 2
    assert written["images"] == 5
    assert written["groups_between_splits"] == 1
    assert written["groups_with_different_labels"] == 1


def test_planted_near_duplicates_are_found_and_nothing_else():
    splits = make_splits()
    train = splits["train"]
    nearly = train.images[3].astype(int)
    nearly[nearly > 0] -= 9
    nearly[0, :2] += 30
    splits["test"] = with_images(splits["test"], {4: np.clip(nearly, 0, 255), 5: train.images[3] // 2})
    health = check_health(Pool(splits))
    assert numbers(health.near) == {(3, 124, 125)}
    (group,) = health.near
    assert 0.97 <= group.similarity < 1
    assert group.between_splits
    assert health.exact == ()


def test_equal_images_have_one_number_whatever_their_batch(monkeypatch):
    splits = make_splits(4, 2)
    splits["test"] = with_images(splits["test"], {7: splits["train"].images[2]})
    pool = Pool(splits)
    monkeypatch.setattr(Pool.batches, "__defaults__", (3,))
    told = []
    blanks, same_as = scan(pool, lambda done, every: told.append((done, every)))
    assert same_as.tolist() == [*range(23), 2]
    assert blanks.tolist() == []
    assert told[-1] == (24, 24)
    assert len(told) > 2


def test_a_large_group_of_nearly_equal_images_is_one(clean):
    splits = make_splits()
    generator = np.random.default_rng(0)
    base = splits["train"].images[0].astype(int)
    alike = {number: np.clip(base + generator.integers(-6, 7, base.shape), 0, 255) for number in range(30)}
    splits["train"] = with_images(splits["train"], alike)
    groups = check_health(Pool(splits)).near
    assert numbers(groups) == {tuple(range(30))}
