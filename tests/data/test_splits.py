import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuzushiji.data.images import CharacterImages
from kuzushiji.data.splits import (
    HASH_SPLITS,
    add_to_training,
    assign_by_hash,
    frequent_classes,
    group_rare,
    pixel_hash,
    subsample,
    validation_split,
    with_classes_of,
)
from kuzushiji.errors import UsageError


def made(counts: list[int], *, seed: int = 0) -> CharacterImages:
    """Random images, `counts` of each class, shuffled."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(len(counts)), counts))
    images = random.integers(0, 256, (len(labels), 5, 4), dtype=np.uint8)
    classes = tuple(chr(0x4E00 + number) for number in range(len(counts)))
    return CharacterImages(images, labels, classes, name="made", split="train", ids=np.arange(len(labels)) + 1000)


def divides(parts: tuple[CharacterImages, ...], data: CharacterImages) -> bool:
    """Whether each image of `data` is in exactly one part, and the parts kept its order and its classes."""
    return (
        sorted(np.concatenate([part.ids for part in parts])) == sorted(data.ids)
        and all((np.diff(part.ids) > 0).all() for part in parts)
        and all(part.classes == data.classes for part in parts)
    )


# Validation


@pytest.mark.parametrize(
    ("count", "fraction", "train"),
    [
        (10, 0.3, 7),
        (6284, 0.3, 4398),
        (60_000, 0.3, 42_000),
        (232_365, 0.3, 162_655),
        (7, 0.1, 6),
        (100, 0.9, 9),  # 1 - 0.9 is a little less than 0.1, and Keras does not mend it
    ],
)
def test_last_divides_where_keras_does(count: int, fraction: float, train: int) -> None:
    data = CharacterImages(np.zeros((count, 1, 1), np.uint8), np.zeros(count, np.int64), ("お",))
    parts = validation_split(data, fraction=fraction, method="last")
    assert [len(part) for part in parts] == [train, count - train]
    assert (parts[0].ids == np.arange(train)).all()
    assert [part.split for part in parts] == ["train", "validation"]


def test_last_takes_views_and_not_copies() -> None:
    data = made([20, 20])
    assert all(np.shares_memory(part.images, data.images) for part in validation_split(data, method="last"))


def test_stratified_takes_the_same_share_of_every_class() -> None:
    data = made([1, 2, 4, 5, 14, 15, 25, 1000])
    parts = validation_split(data, fraction=0.1)
    assert divides(parts, data)
    assert parts[1].class_counts().tolist() == [0, 0, 0, 1, 1, 2, 3, 100]


@given(st.lists(st.integers(0, 12), min_size=1, max_size=6), st.floats(0.01, 0.99), st.integers(0, 3))
def test_stratified_leaves_every_class_something_to_train_on(counts: list[int], fraction: float, seed: int) -> None:
    data = made(counts)
    try:
        train, validation = validation_split(data, fraction=fraction, seed=seed)
    except UsageError:
        return
    assert divides((train, validation), data)
    assert ((train.class_counts() > 0) == (data.class_counts() > 0)).all()


def test_the_draw_follows_the_seed() -> None:
    data = made([100, 50])
    drawn = [tuple(validation_split(data, seed=seed)[1].ids) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"fraction": 0}, "between 0 and 1"),
        ({"fraction": 1.0}, "between 0 and 1"),
        ({"fraction": float("nan")}, "between 0 and 1"),
        ({"method": "random"}, "known: stratified, last"),
        ({"fraction": 0.01}, "less than one image"),
        ({"fraction": 0.99, "method": "last"}, "leaves one part empty"),
    ],
)
def test_validation_that_cannot_be(options: dict, found: str) -> None:
    with pytest.raises(UsageError, match=found):
        validation_split(made([5, 5]), **options)


# Folds and samples


def test_validation_images_that_train_in_the_end() -> None:
    train, validation = validation_split(made([1, 10, 50, 200]), fraction=0.2)
    both, left = add_to_training(train, validation, 0.8)
    assert (len(validation), len(left)) == (52, 10)
    assert both.ids[: len(train)].tolist() == train.ids.tolist()
    assert sorted([*both.ids[len(train) :], *left.ids]) == sorted(validation.ids)
    for part, before in ((both, train), (left, validation)):
        assert (part.split, part.classes) == (before.split, before.classes)
    whole = made([1, 10, 50, 200])
    for part in (both, left):
        for image, label, number in zip(part.images, part.labels, part.ids, strict=True):
            np.testing.assert_array_equal(image, whole.images[number - 1000])
            assert label == whole.labels[number - 1000]


def test_validation_images_left_have_their_share_of_rare_classes() -> None:
    train, validation = validation_split(made([5] * 200), fraction=0.2)
    _, left = add_to_training(train, validation, 0.8)
    assert len(left) == 40


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_refitting_that_leaves_or_adds_no_image(share: float) -> None:
    train, validation = validation_split(made([5, 5]), fraction=0.2)
    with pytest.raises(UsageError, match="of 2 validation images"):
        add_to_training(train, validation, share)


def test_a_sample_keeps_proportion_ids_and_order() -> None:
    data = made([600, 300, 100])
    sample = subsample(data, 100)
    assert sample.class_counts().tolist() == [60, 30, 10]
    assert (np.diff(sample.ids) > 0).all()
    assert (sample.images == data.images[sample.ids - 1000]).all()
    assert set(subsample(data, 50).ids) < set(sample.ids)
    assert subsample(data, 1000) is data
    assert subsample(data, 5000) is data


def test_a_sample_of_nothing() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        subsample(made([5]), 0)


# By hash


def hash_split(data: CharacterImages) -> list[CharacterImages]:
    """The images on each side."""
    hashes = np.frombuffer(b"".join(pixel_hash(image) for image in data.images), "V32")
    sides = assign_by_hash(hashes, data.labels)
    return [data.select(sides == side, name) for side, name in enumerate(HASH_SPLITS)]


def test_the_shares_of_a_split_by_hash() -> None:
    data = made([1, 2, 4, 5, 10, 15, 100, 1000])
    train, validation, test = hash_split(data)
    assert divides((train, validation, test), data)
    assert test.class_counts().tolist() == [0, 0, 0, 1, 1, 2, 10, 100]
    assert validation.class_counts().tolist() == [0, 0, 0, 1, 1, 2, 10, 100]


def test_a_split_by_hash_is_the_same_everywhere_and_for_ever() -> None:
    """The numbers were written down once: when they change, every published result on kkanji loses its meaning."""
    images = np.arange(40 * 6, dtype=np.uint8).reshape(40, 2, 3)
    _, validation, test = hash_split(CharacterImages(images, np.arange(40) % 2, tuple("おき")))
    assert pixel_hash(images[0]).hex().startswith("88da4b8cee4b0564")
    assert (validation.ids.tolist(), test.ids.tolist()) == ([8, 15, 26, 29], [2, 17, 28, 39])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), min_size=1, max_size=80), st.randoms())
def test_what_holds_of_every_split_by_hash(images: list[tuple[int, int]], random) -> None:
    labels = np.array([label for label, _ in images])
    hashes = np.array([content.to_bytes(4) for _, content in images], dtype="V4")
    sides = assign_by_hash(hashes, labels)
    for label in set(labels):
        assert (sides[labels == label] == 0).any(), "a class without an image to train on"
    for content in set(hashes.tolist()):
        assert len(set(sides[[value == content for value in hashes.tolist()]])) == 1, "equal images on two sides"
    order = list(range(len(images)))
    random.shuffle(order)
    assert (assign_by_hash(hashes[order], labels[order]) == sides[order]).all(), "the order matters"


def test_equal_images_with_different_labels_train() -> None:
    data = made([50, 50])
    data.images[data.labels == 0] = 0
    data.images[np.flatnonzero(data.labels == 1)[:3]] = 0
    train, validation, test = hash_split(data)
    assert train.class_counts()[0] == 50
    assert [part.class_counts()[1] for part in (validation, test)] == [5, 5]
    assert (validation.images.any(axis=(1, 2))).all()


def test_a_copy_that_lacks_images_gives_the_others_nearly_the_same_sides() -> None:
    data = made([300] * 10)
    hashes = np.frombuffer(b"".join(pixel_hash(image) for image in data.images), "V32")
    kept = np.random.default_rng(1).random(len(data)) < 0.9
    same = assign_by_hash(hashes, data.labels)[kept] == assign_by_hash(hashes[kept], data.labels[kept])
    assert same.mean() > 0.97


# Rare classes


def test_rare_classes_become_one() -> None:
    data = made([5, 50, 1, 20])
    kept = frequent_classes(data, rare_below=10)
    assert kept == (data.classes[1], data.classes[3])
    grouped = group_rare(data, kept)
    assert grouped.classes == (*kept, "rare")
    assert grouped.class_counts().tolist() == [50, 20, 6]
    assert grouped.images is data.images
    assert (grouped.ids == data.ids).all()


def test_a_class_that_cannot_be_kept() -> None:
    with pytest.raises(UsageError, match="'x' cannot be kept"):
        group_rare(made([1, 1]), ("x",))


@pytest.mark.parametrize(
    ("cut_off", "kept"),
    [
        ({"cover": 0.5}, 1),
        ({"cover": 0.51}, 2),
        ({"cover": 0.7}, 2),
        ({"cover": 0.9}, 3),
        ({"cover": 0.95}, 4),
        ({"cover": 1.0}, 5),
        ({"cover": 1e-9}, 1),
        ({"rare_below": 1}, 5),
        ({"rare_below": 6}, 3),
        ({"rare_below": 50}, 1),
        ({}, 5),
    ],
)
def test_the_most_frequent_classes_that_reach_the_cut_off_are_kept(cut_off, kept) -> None:
    """Of 100 images, 50, 20, 20, 5 and 5 are of one class; a sixth class has none."""
    data = made([5, 20, 50, 5, 0, 20])
    order = [2, 1, 5, 0, 3]
    assert frequent_classes(data, **cut_off) == tuple(data.classes[label] for label in order[:kept])


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.floats(0.01, 1))
def test_no_fewer_classes_would_cover_as_much(counts: list[int], cover: float) -> None:
    data = made(counts)
    covered = data.class_counts()[[data.classes.index(name) for name in frequent_classes(data, cover=cover)]]
    assert covered.sum() >= cover * len(data) - 1e-6
    assert covered[:-1].sum() < cover * len(data)


@pytest.mark.parametrize(
    ("cut_off", "message"),
    [
        ({"cover": 0.9, "rare_below": 3}, "give one of them"),
        ({"cover": 0.0}, "cover is 0; it must be above 0"),
        ({"cover": 1.01}, "at most 1"),
        ({"cover": 90}, "cover is 90"),
        ({"cover": float("nan")}, "cover is nan"),
        ({"rare_below": 0}, "at least 1"),
        ({"rare_below": 51}, "the most frequent has 50"),
    ],
)
def test_cut_offs_that_make_no_sense(cut_off, message) -> None:
    with pytest.raises(UsageError, match=message):
        frequent_classes(made([5, 50]), **cut_off)


def test_images_of_other_characters_are_rare_where_there_is_a_rare_class() -> None:
    data = made([2, 3, 4])
    classes = (data.classes[2], "漢", "rare")
    assert with_classes_of(classes, data, has_rare=True).class_counts().tolist() == [4, 0, 5]
    assert with_classes_of(classes, data).class_counts().tolist() == [4, 0, 0]
    grouped = group_rare(data, data.classes[1:])
    assert with_classes_of(grouped.classes, grouped, has_rare=True) is grouped
