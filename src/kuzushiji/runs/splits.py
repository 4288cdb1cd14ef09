"""The images of a run, divided into those that train, validate and test."""

from collections.abc import Callable
from dataclasses import dataclass

from kuzushiji.data.images import CharacterImages
from kuzushiji.data.source import Source, parse
from kuzushiji.data.splits import add_to_training, frequent_classes, group_rare, validation_split
from kuzushiji.errors import UsageError
from kuzushiji.runs.config import RareConfig, RunConfig
from kuzushiji.runs.recipe import Recipe


@dataclass(frozen=True)
class Splits:
    """The images of one training; `validation` and `test` may be None.

    `rare` says what the last class stands for; None if it is a character.
    """

    train: CharacterImages
    validation: CharacterImages | None
    test: CharacterImages | None
    rare: RareConfig | None = None

    def named(self) -> dict[str, CharacterImages]:
        """The splits that there are, by name."""
        every = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in every.items() if split is not None and len(split)}


def read_splits(
    data: Source | CharacterImages,
    recipe: Recipe,
    *,
    limit: int | None = None,
    image_size: int | None = None,
    cover: float | None = None,
    rare_below: int | None = None,
    test: CharacterImages | None = None,
    with_test: bool = True,
    reading: Callable[[int, int], None] | None = None,
) -> Splits:
    """Reads a dataset and sets validation images apart: the dataset's own, or as the recipe says.

    Args:
        data: where the images are, or training images at hand.
        limit, image_size, cover, rare_below, test: as in `train`.
        with_test: whether the test images are read.
        reading: gets how many images of how many have been read.

    Raises:
        DataError: the data is missing or damaged, or holds too little to train on.
        UsageError: the recipe needs validation images and there are none, or gives away what there is not.
    """
    validation = None
    if not with_test:
        test = None
    if isinstance(data, CharacterImages):
        images = data
    else:
        images = data.load("train", limit=limit, image_size=image_size, progress=reading)
        if "validation" in data.splits:
            validation = data.load("validation", image_size=image_size, progress=reading)
        if "test" in data.splits and with_test:
            test = data.load("test", image_size=image_size, progress=reading)
    rare = None
    if cover is not None or rare_below is not None:
        kept = frequent_classes(images, cover=cover, rare_below=rare_below)
        if merged := len(images.classes) - len(kept):
            images = group_rare(images, kept)
            validation, test = (each and group_rare(each, kept) for each in (validation, test))
            rare = RareConfig(merged, int(images.class_counts()[-1]))
    if validation is None and recipe.refit:
        raise UsageError(
            f"{images.name} has no validation images of its own that could train; set refit to 0 and "
            "validation_fraction to less"
        )
    if validation is None and recipe.validation_fraction:
        images, validation = validation_split(
            images, fraction=recipe.validation_fraction, method=recipe.validation, seed=recipe.seed
        )
    elif validation is not None and recipe.refit:
        images, validation = add_to_training(images, validation, recipe.refit, seed=recipe.seed)
    validation, test = validation or None, test or None  # an empty split is none
    if len(images) < 2:
        raise UsageError(f"{images.name} leaves {len(images)} images to train on; at least 2 are needed")
    if validation is None and (recipe.keep == "best" or recipe.patience):
        raise UsageError("keeping the best epoch, or stopping early, needs validation images; set validation_fraction")
    if test is not None and test.classes != images.classes:
        raise UsageError("the test images have other classes than the training images")
    return Splits(images, validation, test, rare)


def splits_of(
    config: RunConfig,
    *,
    data: CharacterImages | None = None,
    test: CharacterImages | None = None,
    with_test: bool = False,
    reading: Callable[[int, int], None] | None = None,
) -> Splits:
    """Reads the images of a run once more, divided as they were; whether they are still the same is not asked.

    Args:
        config: of the run.
        data: its training images, where it was given images.
        test, with_test, reading: as in `read_splits`.

    Raises:
        DataError, UsageError: as in `read_splits`.
    """
    return read_splits(
        data if data is not None else parse(config.data.address),
        config.recipe,
        limit=config.data.limit,
        image_size=config.data.image_size,
        cover=config.data.cover,
        rare_below=config.data.rare_below,
        test=test,
        with_test=with_test,
        reading=reading,
    )
