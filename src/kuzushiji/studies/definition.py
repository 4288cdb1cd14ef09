"""`Study`: a question, and the trainings that answer it, as a TOML file says them.

    title = "Which batch size?"
    question = "..."                    # what is asked, in a sentence or two
    source = "..."                      # optional: where the question comes from
    note = "..."                        # optional: what the reader must know, such as how this differs from the source;
                                        # {epochs}, {seeds} and the other fields of a recipe stand for what was done
    data = "kmnist"                     # the data of the source, which is taken unless --data names other data
    seeds = 1                           # optional: seeds 0, 1, ..., unless --seeds says otherwise
    image_size = 80                     # optional: pixels a side, unless --image-size says otherwise
    cover = 0.9                         # optional: merge the rare classes into one, as in `kuzushiji.train`, unless
                                        # --cover says otherwise; or rare_below = 20
    factor = "batch_size"               # optional: a field of the recipe to draw the accuracy against, or
                                        # `options.NAME` for an option of the network, or `limit` for the number of
                                        # training images
    series = "lr"                       # optional: a line in that figure for each value of another field
    extrapolate = [20000, 60000]        # optional, with the factor `limit`: what so many training images would give
    baseline = "batch size 128"         # optional: the trial that the others are measured against, else the best one
    show = ["layers", "examples"]       # optional: parts of the answer beyond those that every study has; see SHOWN
    pairs = [["NN_1", "CNN_1"]]         # optional: trials whose areas under the ROC curves are compared class by class

    [shared]                            # what all trials have in common, as in a trial
    model = "keras_cnn"
    recipe = "keras_adadelta"
    epochs = 12

    [[trials]]
    label = "batch size 8"              # made of what the trial changes if it is not given
    batch_size = 8                      # any field of a recipe
    options = { dropout = 0.5 }         # options of the network
    theirs = { test_accuracy = 0.75 }   # what the source had, by measure (MEASURES) or by the key of a column

    [[trials]]
    label = "from kkanji, 500 images"
    limit = 500                         # train on so many images at most
    start = "on kkanji"                 # start with the weights of another trial, which is trained first, or of the run
                                        # of this name; the head is new
    unfrozen = 0                        # of the layers that start with given weights, train only so many of the last

    [[trials]]
    label = "from photographs"
    weights = "imagenet"                # or start with the weights of a file, or with those learnt on ImageNet

    [[trials]]
    label = "on kkanji"
    pretraining = true                  # trained once, for others to start from; neither measured nor compared
    data = "kkanji"                     # a pre-training has data of its own, of which no class is merged

    [[trials]]
    label = "both together"
    ensemble = ["batch size 8", "batch size 16"]    # no training: the mean of other trials' probabilities

    [grid]                              # a trial for every combination
    label = "batch size {batch_size}, rate {lr}"
    batch_size = [8, 128]
    lr = [0.1, 0.001]
    options = { dense_dropout = [0.25, 0.5] }

    [[contrasts]]                       # optional: what one change does, over all pairs of trials that differ by it
    name = "Adam instead of SGD"
    pairs = [["NN_1_adam", "NN_1_sgd"]]     # each with the change, then without

    [published]                         # where the figures called `theirs` come from
    source = "README of ..."
    data = "k49"

    [[columns]]                         # optional: a table beside published ones, a column for each set of data
    key = "kmnist"
    title = "Kuzushiji-MNIST"
    data = ["kmnist", "kmnist6k"]       # runs on any of these belong into the column
    measure = "accuracy"

Whatever is wrong in a file is told before anything runs.  A trial that starts from what can't be had, such as a run
that is not there or weights that can't be fetched, is not measured, and the others are.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Literal

from kuzushiji.errors import UsageError, unknown_name
from kuzushiji.models import MODELS
from kuzushiji.runs.recipe import Recipe, named_recipe

MEASURES: Mapping[str, str] = {
    "train_accuracy": "training accuracy",
    "validation_accuracy": "validation accuracy",
    "test_accuracy": "test accuracy",
    "train_loss": "training loss",
    "test_loss": "test loss",
}
"""What a source may have published of a trial, and how it is called."""

SHOWN: Mapping[str, str] = {
    "layers": "the layers of each network as a picture",
    "auc": "area under the ROC curve of each class, pair by pair; the mean weighted by rarity",
    "scatter": "accuracy against area under the ROC curve",
    "roc": "all ROC curves",
    "examples": "images that the best trial named right and wrong",
    "cut-off": "how few characters make up most of the training images, and which are taken together as rare",
    "mistakes": "what the best trial took each character for",
    "seconds": "how long an epoch takes at each value of what is varied; meant for trials that run one at a time",
    "order": "our order of the trials beside the published one",
}
"""Parts of an answer that a study asks for."""

LIMIT = "limit"
"""The factor that is no field of a recipe: how many images are trained on."""

RECIPE_FIELDS = tuple(each.name for each in fields(Recipe) if each.name != "seed")

MOST_TRAININGS = 10_000
"""More of them nobody would wait for."""


@dataclass(frozen=True)
class Trial:
    """One line of a study: a network with a recipe, or an ensemble of other trials.

    Attributes:
        label: what it is called.
        model: the network; empty for an ensemble.
        recipe_name: the named recipe that it starts from.
        changes: fields of the recipe that are not those of the named one.
        options: of the network.
        ensemble: labels of the trials whose probabilities are averaged; empty for a training.
        theirs: what the source had, by measure or by column.
        pretraining: whether it is trained for others to start from, and no more.
        data: what a pre-training is trained on; empty for the data of the study.
        limit: train on so many images at most; on all if None.
        start: label of the trial, or name of the run, whose weights it starts with; empty for none.
        weights: the file of weights that it starts with, or `imagenet`; empty for none.
        unfrozen: of the layers with given weights, how many of the last are trained; all if None.

    Raises:
        UsageError: a value is out of range, or two of them contradict.
    """

    label: str = ""
    model: str = ""
    recipe_name: str = field(default="", metadata={"key": "recipe"})
    changes: Mapping[str, Any] = field(default_factory=dict, metadata={"gathers": RECIPE_FIELDS})
    options: Mapping[str, Any] = field(default_factory=dict)
    ensemble: tuple[str, ...] = ()
    theirs: Mapping[str, float] = field(default_factory=dict)
    pretraining: bool = False
    data: str = ""
    limit: int | None = None
    start: str = ""
    weights: str = ""
    unfrozen: int | None = None

    def __post_init__(self) -> None:
        _check_least(limit=(self.limit, 1), unfrozen=(self.unfrozen, 0))
        for key, value in self.theirs.items():
            if not key.endswith("loss") and not 0 <= value <= 1:
                raise UsageError(f"theirs.{key} is {value}; accuracies are shares from 0 to 1, such as 0.95")
        if self.pretraining != bool(self.data):
            raise UsageError("a pre-training needs data of its own, and what is measured has that of the study")
        if self.start and self.weights:
            raise UsageError("a training starts from another (start) or from a file (weights); give one of them")
        if self.unfrozen is not None and not (self.start or self.weights):
            raise UsageError("unfrozen needs weights to start from; give start or weights")

    @cached_property
    def recipe(self) -> Recipe:
        """The whole recipe, with seed 0."""
        return named_recipe(self.recipe_name).change(**self.changes)

    def value_of(self, factor: str) -> Any:
        """The value of a field of the recipe, of an `options.NAME`, or the limit."""
        if factor == LIMIT:
            return self.limit
        prefix, _, option = factor.partition(".")
        if prefix == "options":
            return self.options[option] if option in self.options else MODELS[self.model].options[option]
        return getattr(self.recipe, factor)


@dataclass(frozen=True)
class Contrast:
    """What one change does, over the pairs of trials that differ by it: (with it, without it)."""

    name: str
    pairs: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if not self.pairs:
            raise UsageError("a contrast needs pairs of trials")


@dataclass(frozen=True)
class PublishedFigures:
    """Where the figures called `theirs` come from: a sentence, and the data that they were measured on."""

    source: str = ""
    data: str = ""


@dataclass(frozen=True)
class BenchmarkColumn:
    """A column of a table beside published ones: `measure` (a field of an evaluation) on any of `data`."""

    key: str
    title: str = ""
    data: tuple[str, ...] = ()
    measure: Literal["accuracy", "balanced_accuracy"] = "accuracy"

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or self.key)


@dataclass(frozen=True)
class Study:
    """A question and the trials that answer it; the docstring of this module says what the parts mean.

    Attributes:
        name: the name of its file, without the ending.

    Raises:
        UsageError: a number is out of range.
    """

    name: str
    title: str = ""
    question: str = ""
    source: str = ""
    note: str = ""
    data: str = ""
    seeds: int = 1
    image_size: int | None = None
    cover: float | None = None
    rare_below: int | None = None
    factor: str = ""
    series: str = ""
    extrapolate: tuple[int, ...] = ()
    baseline: str = ""
    show: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    trials: tuple[Trial, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    published: PublishedFigures = PublishedFigures()
    columns: tuple[BenchmarkColumn, ...] = ()

    def __post_init__(self) -> None:
        _check_least(seeds=(self.seeds, 1), image_size=(self.image_size, 1), rare_below=(self.rare_below, 1))
        for images in self.extrapolate:
            _check_least(extrapolate=(images, 1))
        filled(self.note, dict.fromkeys((*RECIPE_FIELDS, "seeds"), ""))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The trials by name."""
        return tuple(trial.label for trial in self.trials)

    @cached_property
    def _by_label(self) -> dict[str, Trial]:
        return dict(zip(self.labels, self.trials, strict=True))

    def trial(self, label: str) -> Trial:
        """The trial of this name.

        Raises:
            UsageError: there is none; the message names the nearest.
        """
        if label not in self._by_label:
            raise unknown_name("trial", label, self.labels)
        return self._by_label[label]

    def with_recipe(self, **changes: Any) -> "Study":
        """The same study with fields of all recipes changed, such as `epochs=1` for a quick look.

        Classical models, which are fitted in one pass, stay as they are.

        Raises:
            UsageError: a recipe can't be changed so, or it is this that the study varies.
        """
        if self.factor in changes:
            raise UsageError(f"{self.name} is the study of what {self.factor} does; leave --{self.factor} out")

        def changed(trial: Trial) -> Trial:
            if not trial.model or MODELS[trial.model].fitted:
                return trial
            trial.recipe.change(**changes)  # refuses what a recipe can't have
            return replace(trial, changes={**trial.changes, **changes})

        return replace(self, trials=tuple(map(changed, self.trials)))

    def only(self, patterns: Iterable[str]) -> "Study":
        """The study with those trials alone whose labels are named or match a shell pattern.

        What they start from is kept too.  What refers to other trials is left out; so are ensembles that lose a member,
        and pre-trainings that nobody starts from.

        Raises:
            UsageError: nothing matches one of them; the message names the nearest.  Or nothing is left to be measured.
        """
        chosen: set[str] = set()
        for pattern in patterns:
            matching = {label for label in self.labels if label == pattern or fnmatchcase(label, pattern)}
            if not matching:
                raise unknown_name("trial", pattern, self.labels)
            chosen |= matching
        kept = {
            trial.label
            for trial in self.trials
            if trial.label in chosen and not trial.pretraining and chosen.issuperset(trial.ensemble)
        }
        if not kept:
            raise UsageError(
                "an ensemble needs its members, and a pre-training somebody to start from it: "
                f"{', '.join(sorted(chosen))} can't be measured alone"
            )
        for label in tuple(kept):
            while (label := self.trial(label).start) in self.labels:
                kept.add(label)
        pairs_of = {each: tuple(pair for pair in each.pairs if kept.issuperset(pair)) for each in self.contrasts}
        return replace(
            self,
            trials=tuple(trial for trial in self.trials if trial.label in kept),
            baseline=self.baseline if self.baseline in kept else "",
            pairs=tuple(pair for pair in self.pairs if kept.issuperset(pair)),
            contrasts=tuple(replace(each, pairs=pairs) for each, pairs in pairs_of.items() if pairs),
        )


def filled(text: str, values: Mapping[str, Any], kind: str = "field of the recipe") -> str:
    """`batch size {batch_size}` with its value.

    Args:
        text: with names in braces.
        values: what stands for them.
        kind: what the names are called in messages.

    Raises:
        UsageError: there is no value of a name.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise unknown_name(kind, match[1], values)
        return str(values[match[1]])

    return re.sub(r"\{(\w+)\}", value, text)


def _check_least(**bounds: tuple[int | None, int]) -> None:
    """Refuses numbers, each given with the least that it may be."""
    for name, (value, least) in bounds.items():
        if value is not None and value < least:
            raise UsageError(f"{name} is {value}; expected a whole number of at least {least}")
