"""What is odd about the images of a training is told before it begins, and in its notes."""

from dataclasses import replace

import numpy as np
import pytest

from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataWarning, UsageError
from kuzushiji.runs.recipe import Recipe
from kuzushiji.runs.splits import read_splits


def made(split: str, counts: list[int], seed: int) -> CharacterImages:
    """Noise, `counts` of each class, shuffled."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(len(counts)), counts))
    images = random.integers(0, 256, (len(labels), 6, 6), dtype=np.uint8)
    return CharacterImages(images, labels, tuple("おきすつ")[: len(counts)], name="own", split=split)


def told(train: CharacterImages, test: CharacterImages) -> list[str]:
    with pytest.warns(DataWarning) as warned:
        splits = read_splits(train, Recipe(), test=test)
    assert [f"own: {note}" for note in splits.train.notes] == [str(each.message) for each in warned]
    return list(splits.train.notes)


def test_classes_that_are_tested_and_never_trained_are_told() -> None:
    (note,) = told(made("train", [20, 20, 0, 0], 0), made("test", [5, 5, 3, 3], 1))
    assert note == (
        "6 of 16 test images are of classes without a training image, such as す つ: nothing learns to name these"
    )


def test_test_images_that_train_too_are_told() -> None:
    train, test = made("train", [20, 20], 0), made("test", [5, 5], 1)
    blank = np.concatenate([test.images[:6], train.images[:3], np.zeros((1, 6, 6), np.uint8)])
    (note,) = told(train, replace(test, images=blank))
    # of the three one may be for validation
    assert note.endswith("of 10 test images are among the training images too: what is measured on them is too high")
    assert note[0] in "23"


def test_blank_images_that_train_are_told() -> None:
    train = made("train", [20, 20], 0)
    (note,) = told(replace(train, images=train.images * (np.arange(40) % 2 == 0)[:, None, None].astype(np.uint8)),
                   made("test", [5, 5], 1))  # fmt: skip
    assert note.endswith("of 36 training images are blank")


def test_a_few_odd_ones_are_usual(recwarn: pytest.WarningsRecorder) -> None:
    train, test = made("train", [300, 300], 0), made("test", [150, 150], 1)
    images = test.images.copy()
    images[:2] = train.images[:2]
    assert read_splits(train, Recipe(), test=replace(test, images=images)).train.notes == ()
    assert not recwarn


def test_one_class_is_no_question() -> None:
    from kuzushiji.data.source import Source  # a source of one class, as a folder called images gives

    class One:
        splits = ("train",)

        def read(self, split: str, side: int | None, progress: object) -> CharacterImages:
            return replace(made(split, [20], 0), classes=("images",))

    source = Source("own", "own", "own", "own", (), One())
    with pytest.raises(UsageError, match="own has one class, images; a network tells 2 apart at least"):
        read_splits(source, Recipe())
