"""The images of a run, divided into those that train, validate and test."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

from kuzushiji.data.images import CharacterImages
from kuzushiji.data.source import Source, parse
from kuzushiji.data.splits import add_to_training, frequent_classes, group_rare, validation_split, with_classes_of
from kuzushiji.errors import DataWarning, RunError, UsageError
from kuzushiji.runs.config import ALL_IMAGES, ImageChoice, RareConfig, RunConfig, SplitConfig
from kuzushiji.runs.odd import oddities
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

    def with_classes(self, classes: tuple[str, ...]) -> "Splits":
        """The same images, labelled by classes among which are all of theirs."""
        train, validation, test = (
            each and with_classes_of(classes, each) for each in (self.train, self.validation, self.test)
        )
        assert train is not None
        return replace(self, train=train, validation=validation, test=test)


def read_splits(
    data: Source | CharacterImages,
    recipe: Recipe,
    choice: ImageChoice = ALL_IMAGES,
    *,
    test: CharacterImages | None = None,
    with_test: bool = True,
    reading: Callable[[int, int], None] | None = None,
) -> Splits:
    """Reads a dataset and sets validation images apart: the dataset's own, or as the recipe says.

    A `DataWarning` tells of what is odd about them, and the notes of the training images keep it.

    Args:
        data: where the images are, or training images at hand.
        choice: which of the images, in which size and as which classes.
        test: test images, where `data` is images.
        with_test: whether the test images are read.
        reading: gets how many images of how many have been read.

    Raises:
        DataError: the data is missing or damaged, or holds too little to train on.
        UsageError: the recipe needs validation images and there are none, or gives away what there is not.
    """
    splits = _read(data, recipe, choice, test=test, with_test=with_test, reading=reading)
    notes = tuple(oddities(splits.train, splits.validation, splits.test))
    for note in notes:
        warnings.warn(f"{splits.train.name}: {note}", DataWarning, stacklevel=2)
    return replace(splits, train=replace(splits.train, notes=splits.train.notes + notes))


def _read(
    data: Source | CharacterImages,
    recipe: Recipe,
    choice: ImageChoice,
    *,
    test: CharacterImages | None,
    with_test: bool,
    reading: Callable[[int, int], None] | None,
) -> Splits:
    validation = None
    if isinstance(data, CharacterImages):
        images = data
    else:
        images = data.load("train", limit=choice.limit, image_size=choice.image_size, progress=reading, exact=True)
        if len(images.classes) == 1:
            raise UsageError(
                f"{data} has one class, {images.classes[0]}; a network tells 2 apart at least: expected a folder for "
                "each class, or labels of several"
            )
        if "validation" in data.splits:
            validation = data.load("validation", image_size=choice.image_size, progress=reading)
        if "test" in data.splits and with_test:
            test = data.load("test", image_size=choice.image_size, progress=reading)
    splits = Splits(images, validation, test if with_test else None)
    if choice.cover is not None or choice.rare_below is not None:
        splits = _merged(splits, frequent_classes(images, cover=choice.cover, rare_below=choice.rare_below))
    splits = _divided(splits, recipe)
    if len(splits.train) < 2:
        raise UsageError(f"{images.name} leaves {len(splits.train)} images to train on; at least 2 are needed")
    if splits.validation is None and (recipe.keep == "best" or recipe.patience):
        raise UsageError("keeping the best epoch, or stopping early, needs validation images; set validation_fraction")
    if splits.test is not None and splits.test.classes != splits.train.classes:
        raise UsageError("the test images have other classes than the training images")
    return splits


def _merged(splits: Splits, kept: tuple[str, ...]) -> Splits:
    """The images with all classes that are not kept as one."""
    merged = len(splits.train.classes) - len(kept)
    if not merged:
        return splits
    train = group_rare(splits.train, kept)
    validation, test = (each and group_rare(each, kept) for each in (splits.validation, splits.test))
    return Splits(train, validation, test, RareConfig(merged, int(train.class_counts()[-1])))


def _divided(splits: Splits, recipe: Recipe) -> Splits:
    """Training and validation images as the recipe divides them; a split without images is none."""
    train, validation = splits.train, splits.validation
    if validation is None and recipe.refit:
        raise UsageError(
            f"{train.name} has no validation images of its own that could train; set refit to 0 and "
            "validation_fraction to less"
        )
    if validation is None and recipe.validation_fraction:
        train, validation = validation_split(
            train, fraction=recipe.validation_fraction, method=recipe.validation, seed=recipe.seed
        )
    elif validation is not None and recipe.refit:
        train, validation = add_to_training(train, validation, recipe.refit, seed=recipe.seed)
    return replace(splits, train=train, validation=validation or None, test=splits.test or None)


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
    splits = _read(
        data if data is not None else parse(config.data.address),
        config.recipe,
        config.data.choice,
        test=test,
        with_test=with_test,
        reading=reading,
    )
    return splits.with_classes(config.classes) if config.start and config.start.keeps_classes else splits


def images_of(config: RunConfig, split: str) -> CharacterImages:
    """Reads one split of a run once more: see `Run.images`."""
    source = parse(config.data.address)
    if split != "test":
        found = splits_of(config).named().get(split)
    elif "test" in source.splits:
        test = source.load("test", image_size=config.data.choice.image_size)
        found = with_classes_of(config.classes, test, has_rare=config.data.rare is not None)
    else:
        found = None
    if found is None:
        raise UsageError(f"{source} has no {split} images; name other data")
    return found


def check_same(config: RunConfig, split: str, images: CharacterImages) -> None:
    """Raises:
    RunError: these are not the images that a run had as its `split`.
    """
    if config.data.splits.get(split) != SplitConfig(len(images), images.fingerprint()):
        raise RunError(f"the {split} images of {config.data.name} are not those the run began with; train anew")
