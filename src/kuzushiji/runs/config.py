"""`RunConfig`: what a run was made from, as its `config.json` says it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from kuzushiji.data.splits import check_cut_off
from kuzushiji.errors import UsageError
from kuzushiji.machine import Machine
from kuzushiji.models import MODELS
from kuzushiji.records import as_plain
from kuzushiji.runs.recipe import FIT_FIELDS, RECIPES, Recipe


@dataclass(frozen=True)
class ModelConfig:
    """The network.

    Attributes:
        name: as `kuzushiji models` lists it.
        image_size: height and width of the images that it takes.
        options: what it let one choose, where that is not its default.
        parameters: how many numbers are trained; None where that was not noted.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    image_size: tuple[int, int] = (28, 28)
    parameters: int | None = None


@dataclass(frozen=True)
class StartConfig:
    """What a training started from instead of random weights.

    Attributes:
        kind: a finished run, a file of weights, or a file that `kuzushiji export` wrote.
        name: the run, the file, the network that ships, or `imagenet`, as it was asked for.
        path: of the file.
        sha256: of the file.
        part: what the names of the network's tensors that it gives begin with.
        unfrozen: of the layers with given weights, how many of the last are trained; all of them if None.
        known_classes: how many of the classes the run knew; None where it knew none.
        keeps_classes: whether the classes that it knew stay, also those without images.
    """

    kind: Literal["run", "weights", "exported"]
    name: str
    path: str
    sha256: str
    part: str
    unfrozen: int | None = None
    known_classes: int | None = field(default=None, metadata={"omit": True})
    keeps_classes: bool = field(default=False, metadata={"omit": True})


@dataclass(frozen=True)
class TeacherConfig:
    """What a training learnt from besides the labels.

    Attributes:
        kind: a finished run, or a file of predictions of the training images.
        name: the run or the file, as it was asked for.
        path: of the file.
        sha256: of the file.
    """

    kind: Literal["run", "predictions"]
    name: str
    path: str
    sha256: str


@dataclass(frozen=True)
class RareConfig:
    """What the class "rare" stands for: so many characters, which have so many training images together."""

    characters: int
    images: int


@dataclass(frozen=True)
class SplitConfig:
    """How many images a split had, and their fingerprint (`CharacterImages.fingerprint`)."""

    count: int
    fingerprint: str


@dataclass(frozen=True)
class ImageChoice:
    """Which images of a dataset are trained on, in which size and as which classes.

    Attributes:
        limit: Train on so many images at most.
        image_size: Bring the images to so many pixels a side; needed where they have several sizes.
        cover: Keep the fewest characters that make up so large a share of the training images, such as 0.9, and take
            all others together as one class, "rare".
        rare_below: Take the characters with fewer training images than this together as one class, "rare".

    Raises:
        UsageError: a value is out of range, or cover and rare_below are both given.
    """

    limit: int | None = None
    image_size: int | None = None
    cover: float | None = None
    rare_below: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"limit is {self.limit}; it must be at least 1")
        check_cut_off(self.cover, self.rare_below)


ALL_IMAGES = ImageChoice()


@dataclass(frozen=True)
class DataConfig:
    """The images, and how they were read.

    Attributes:
        name: of the dataset.
        path: where it lies; None for what is found by its name, and for images that were given as such.
        choice: which of the images were taken, in which size and as which classes.
        rare: what the last class stands for; None if it is a character.
        splits: `train`, `validation` and `test`, those that there are.
        source: file name -> SHA-256 of what the images were read from.
        notes: what was odd about them, a sentence each.
    """

    name: str
    path: str | None = None
    choice: ImageChoice = field(
        default=ALL_IMAGES, metadata={"gathers": tuple(each.name for each in fields(ImageChoice))}
    )
    rare: RareConfig | None = None
    splits: Mapping[str, SplitConfig] = field(default_factory=dict)
    source: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = field(default=(), metadata={"omit": True})

    @property
    def address(self) -> str:
        """What finds the dataset again."""
        return self.path or self.name


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What a run was made from.  What an older version did not note is as it is by default.

    Attributes:
        model: the network.
        start: what it started from; None for random weights.
        teacher: what it learnt from besides; None for nothing.
        data: the images.
        classes: the characters, in the order of the labels.
        train_counts: training images of each class.
        recipe_name: the recipe that `recipe` is named after; `own` where it is not.
        recipe: how it was trained.
        command: the command that makes a run like it.
        versions: of the packages that decide what comes out.
        machine: where it was trained.
        created: when it began, in ISO 8601; empty where that was not noted.
    """

    model: ModelConfig
    start: StartConfig | None = None
    teacher: TeacherConfig | None = None
    data: DataConfig = field(metadata={"key": "dataset"})
    classes: tuple[str, ...]
    train_counts: tuple[int, ...] = ()
    recipe_name: str = "own"
    recipe: Recipe
    command: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Machine = field(default_factory=Machine)
    created: str = ""

    @property
    def recipe_values(self) -> dict[str, Any]:
        """The fields of the recipe that mean something to the model, with their values."""
        name = self.model.name
        fitted = name in MODELS and MODELS[name].fitted
        return {key: value for key, value in as_plain(self.recipe).items() if not fitted or key in FIT_FIELDS}

    @property
    def recipe_changes(self) -> dict[str, Any]:
        """The fields in which the recipe differs from the one that it is named after."""
        named = RECIPES.get(self.recipe_name, Recipe())
        return {key: value for key, value in self.recipe_values.items() if value != getattr(named, key)}

    def to_dict(self) -> dict[str, Any]:
        """As `config.json` has it."""
        return as_plain(self) | {"recipe": self.recipe_values}
