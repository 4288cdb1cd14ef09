"""`Study`: a question, and the trainings that answer it, as a TOML file says them.

    title = "Which batch size?"
    question = "..."                    # what is asked, in a sentence or two
    source = "..."                      # optional: where the question comes from
    note = "..."                        # optional: what the reader must know, such as how this differs from the source
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
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

from kuzushiji.data.splits import check_cut_off
from kuzushiji.errors import KuzushijiError, UsageError, unknown_name
from kuzushiji.models import MODELS, create_model, resolve
from kuzushiji.runs.recipe import Recipe, check_for_fitting, named_recipe

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

RECIPE_FIELDS = tuple(field.name for field in fields(Recipe) if field.name != "seed")

_OF_STUDY = (
    *("title", "question", "source", "note", "data", "seeds", "image_size", "cover", "rare_below"),
    *("factor", "series", "extrapolate", "baseline", "show", "pairs"),
)
_TABLES = ("shared", "trials", "grid", "contrasts", "published", "columns")
_OF_TRIAL = (
    *("label", "model", "recipe", "options", "theirs", "ensemble"),
    *("pretraining", "data", "limit", "start", "weights", "unfrozen"),
)
_OF_SHARED = ("model", "recipe", "options")
_OF_GRID = ("label", "model", "recipe", "options")


@dataclass(frozen=True)
class Trial:
    """One line of a study: a network with a recipe, or an ensemble of other trials.

    Attributes:
        label: what it is called.
        model: the network; empty for an ensemble.
        recipe_name: the named recipe that it starts from.
        recipe: the whole recipe, with seed 0.
        options: of the network.
        ensemble: labels of the trials whose probabilities are averaged; empty for a training.
        theirs: what the source had, by measure or by column.
        pretraining: whether it is trained for others to start from, and no more.
        data: what a pre-training is trained on; empty for the data of the study.
        limit: train on so many images at most; on all if None.
        start: label of the trial, or name of the run, whose weights it starts with; empty for none.
        weights: the file of weights that it starts with, or `imagenet`; empty for none.
        unfrozen: of the layers with given weights, how many of the last are trained; all if None.
    """

    label: str
    model: str
    recipe_name: str
    recipe: Recipe
    options: Mapping[str, Any]
    ensemble: tuple[str, ...]
    theirs: Mapping[str, float]
    pretraining: bool = False
    data: str = ""
    limit: int | None = None
    start: str = ""
    weights: str = ""
    unfrozen: int | None = None

    def changes(self) -> dict[str, Any]:
        """Fields in which the recipe differs from the one that it is named after."""
        named = named_recipe(self.recipe_name).to_dict()
        return {field: value for field, value in self.recipe.to_dict().items() if value != named[field]}

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


@dataclass(frozen=True)
class Column:
    """A column of a table beside published ones: `measure` (a field of an evaluation) on any of `data`."""

    key: str
    title: str
    data: tuple[str, ...]
    measure: str


@dataclass(frozen=True)
class Study:
    """A question and the trials that answer it; the docstring of this module says what the parts mean.

    Attributes:
        name: the name of its file, without the ending.
    """

    name: str
    title: str
    question: str
    trials: tuple[Trial, ...]
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
    contrasts: tuple[Contrast, ...] = ()
    published_source: str = ""
    published_data: str = ""
    columns: tuple[Column, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The trials by name."""
        return tuple(trial.label for trial in self.trials)

    def trial(self, label: str) -> Trial:
        """The trial of this name.

        Raises:
            UsageError: there is none; the message names the nearest.
        """
        for trial in self.trials:
            if trial.label == label:
                return trial
        raise unknown_name("trial", label, self.labels)

    def with_recipe(self, **changes: Any) -> "Study":
        """The same study with fields of all recipes changed, such as `epochs=1` for a quick look.

        Classical models, which are fitted in one pass, stay as they are.
        """

        def changed(trial: Trial) -> Trial:
            is_network = trial.model and not MODELS[trial.model].fitted
            return replace(trial, recipe=trial.recipe.change(**changes)) if is_network else trial

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
        contrasts = [
            replace(each, pairs=tuple(pair for pair in each.pairs if kept.issuperset(pair))) for each in self.contrasts
        ]
        return replace(
            self,
            trials=tuple(trial for trial in self.trials if trial.label in kept),
            baseline=self.baseline if self.baseline in kept else "",
            pairs=tuple(pair for pair in self.pairs if kept.issuperset(pair)),
            contrasts=tuple(each for each in contrasts if each.pairs),
        )


def shipped_studies() -> list[str]:
    """Names of the studies that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _shipped().iterdir() if entry.name.endswith(".toml"))


def load_study(name: str | Path) -> Study:
    """Reads a study: one that comes with the package, by its name, or the user's own, by the path of its file.

    Raises:
        UsageError: there is no such study, or something in the file is wrong; the message says what, where, and what
            would be right.
    """
    if str(name).endswith(".toml"):
        path = Path(name).expanduser()
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise UsageError(f"there is no file {path}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} can't be read as text: {error}") from None
        return parse_study(text, path.stem, str(path))
    known = shipped_studies()
    if str(name) not in known:
        hint = "; a study of your own is named by its file, such as mine.toml"
        raise UsageError(f"{unknown_name('study', str(name), known)}{hint}")
    text = (_shipped() / f"{name}.toml").read_text(encoding="utf-8")
    return parse_study(text, str(name), f"{name}.toml")


def parse_study(text: str, name: str, where: str) -> Study:
    """Reads the text of a study.

    Args:
        name: what the study is called.
        where: what the text is called in messages, such as its path.

    Raises:
        UsageError: as in `load_study`.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} is no valid TOML: {error}") from None
    try:
        return _study(content, name)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def check_networks(study: Study, classes: int, image_size: tuple[int, int]) -> None:
    """Makes each network without values, so that a wrong option shows before anything is trained.

    Raises:
        UsageError: a network can't be made so, or not for such images.
    """
    import torch

    varied = [name.removeprefix("options.") for name in (study.factor, study.series) if name.startswith("options.")]
    for trial in study.trials:
        if trial.model:
            try:
                with torch.device("meta"):
                    create_model(trial.model, classes=classes, image_size=image_size, **trial.options)
                for option in varied:
                    if option not in MODELS[trial.model].options:
                        raise unknown_name(f"option of {trial.model}", option, MODELS[trial.model].options)
            except UsageError as error:
                raise UsageError(f"trial {trial.label!r} of {study.name}: {error}") from None
            except KuzushijiError:
                continue  # it needs what is not installed, so that it alone is not measured


def _shipped() -> Any:
    return files("kuzushiji.studies") / "shipped"


def _study(content: dict[str, Any], name: str) -> Study:
    _known_keys(content, (*_OF_STUDY, *_TABLES), "key")
    shared = _table(content, "shared")
    _known_keys(shared, (*_OF_SHARED, *RECIPE_FIELDS), "key of [shared]")
    columns = tuple(_column(table) for table in _tables(content, "columns"))
    entries = [(table, f"trial {number}") for number, table in enumerate(_tables(content, "trials"), start=1)]
    entries += [(table, f"combination {number} of [grid]") for number, table in enumerate(_grid(content), start=1)]
    if not entries:
        raise UsageError("there is no trial; add [[trials]] or a [grid]")
    trials = tuple(_within(where, _trial, table, shared, columns) for table, where in entries)
    published = _table(content, "published")
    _known_keys(published, ("source", "data"), "key of [published]")
    study = Study(
        name=name,
        title=_text(content, "title") or name,
        question=_text(content, "question"),
        trials=trials,
        source=_text(content, "source"),
        note=_text(content, "note"),
        data=_text(content, "data"),
        seeds=_whole(content, "seeds", 1) or 1,
        image_size=_whole(content, "image_size", 1),
        cover=_share(content, "cover"),
        rare_below=_whole(content, "rare_below", 1),
        factor=_text(content, "factor"),
        series=_text(content, "series"),
        extrapolate=_numbers(content, "extrapolate"),
        baseline=_text(content, "baseline"),
        show=_names(content, "show"),
        pairs=_pairs(content, "pairs"),
        contrasts=tuple(_contrast(table) for table in _tables(content, "contrasts")),
        published_source=_text(published, "source"),
        published_data=_text(published, "data"),
        columns=columns,
    )
    _check_references(study)
    return study


def _check_references(study: Study) -> None:
    """Whether all that is named within a study is there."""
    if not study.question:
        raise UsageError('it asks nothing; add question = "..."')
    for label in study.labels:
        if study.labels.count(label) > 1:
            raise UsageError(f"two trials are called {label!r}; give them labels that differ")
    named = [label for pair in study.pairs for label in pair]
    named += [label for contrast in study.contrasts for pair in contrast.pairs for label in pair]
    named += [study.baseline] if study.baseline else []
    named += [label for trial in study.trials for label in trial.ensemble]
    for label in named:
        if study.trial(label).pretraining:
            raise UsageError(f"{label!r} is a pre-training, which is not measured; name another trial")
    for trial in study.trials:
        for member in trial.ensemble:
            if study.trial(member).ensemble:
                raise UsageError(f"{trial.label!r} is an ensemble of {member!r}, which is an ensemble itself")
    _check_starts(study)
    for part in study.show:
        if part not in SHOWN:
            raise unknown_name("part of an answer", part, SHOWN)
    for factor in filter(None, (study.factor, study.series)):
        # Which options there are, only the network itself knows; see `check_networks`.
        if not factor.startswith("options.") and factor not in (*RECIPE_FIELDS, LIMIT):
            raise unknown_name("recipe field to be the factor", factor, (*RECIPE_FIELDS, LIMIT))
    if study.extrapolate and study.factor != LIMIT:
        raise UsageError('extrapolate asks what more images would give; it needs factor = "limit"')


def _check_starts(study: Study) -> None:
    """Whether trials can start from those that they name, and can be compared all the same."""
    check_cut_off(study.cover, study.rare_below)
    if all(trial.pretraining for trial in study.trials):
        raise UsageError("there are pre-trainings alone; add a trial that is measured")
    for trial in study.trials:
        if trial.limit is not None and not trial.pretraining and (study.cover or study.rare_below):
            raise UsageError(
                f"{trial.label!r} has a limit of its own, so that other classes would be rare; leave out the limit, or "
                "cover and rare_below"
            )
        way = [trial]
        while (label := way[-1].start) in study.labels:
            before = study.trial(label)
            if before.model != trial.model:
                what = f"which is {before.model}" if before.model else "which is an ensemble"
                raise UsageError(f"{way[-1].label!r} is {trial.model} and can't start from {label!r}, {what}")
            if before in way:
                raise UsageError(f"{trial.label!r} would start from itself, by way of {label!r}")
            way.append(before)


def _trial(table: dict[str, Any], shared: dict[str, Any], columns: Sequence[Column]) -> Trial:
    _known_keys(table, (*_OF_TRIAL, *RECIPE_FIELDS), "key of a trial")
    theirs = _published(table, columns)
    members = _names(table, "ensemble")
    if members:
        more = [key for key in table if key not in ("label", "ensemble", "theirs")]
        if more:
            raise UsageError(f"an ensemble is made of other trials and has no {more[0]} of its own")
        label = _text(table, "label") or " + ".join(members)
        return Trial(label, "", "default", Recipe(), {}, members, theirs)
    model = _text(table, "model") or _text(shared, "model")
    if not model:
        raise UsageError("it names no model")
    model, recipe_name = resolve(model)
    recipe_name = _text(table, "recipe") or _text(shared, "recipe") or recipe_name
    options = _table(shared, "options") | _table(table, "options")
    # Without PyTorch only the names can be checked, and those of a family's options need it; see `check_networks`.
    own = {key: value for key, value in table.items() if key in RECIPE_FIELDS}
    common = {key: value for key, value in shared.items() if key in RECIPE_FIELDS}
    recipe = named_recipe(recipe_name).change(**(common | own))
    fitted = MODELS[model].fitted
    if fitted:
        check_for_fitting(model, recipe, own)
    trial = Trial(
        label=_text(table, "label") or _made_label(table, model),
        model=model,
        recipe_name=recipe_name,
        recipe=recipe,
        options=options,
        ensemble=(),
        theirs=theirs,
        pretraining=_flag(table, "pretraining"),
        data=_text(table, "data"),
        limit=_whole(table, "limit", 1),
        start=_text(table, "start"),
        weights=_text(table, "weights"),
        unfrozen=_whole(table, "unfrozen", 0),
    )
    if trial.pretraining != bool(trial.data):
        raise UsageError("a pre-training needs data of its own, and what is measured has that of the study")
    if trial.start and trial.weights:
        raise UsageError("a training starts from another (start) or from a file (weights); give one of them")
    if trial.unfrozen is not None and not (trial.start or trial.weights):
        raise UsageError("unfrozen needs weights to start from; give start or weights")
    if fitted and (trial.start or trial.weights or trial.pretraining):
        raise UsageError(f"{model} is fitted in one pass; it has no weights to start from")
    return trial


def _made_label(table: Mapping[str, Any], model: str) -> str:
    """`batch_size 8, dropout 0.5` from what a trial changes; the network where it changes nothing else."""
    parts = [table["model"]] if "model" in table else []
    parts += [table["recipe"]] if "recipe" in table else []
    changed = {key: value for key, value in table.items() if key in RECIPE_FIELDS} | table.get("options", {})
    parts += [f"{key} {value}" for key, value in changed.items()]
    parts += [f"from {Path(str(table[key])).name}" for key in ("start", "weights") if key in table]
    parts += [f"{key} {table[key]}" for key in ("unfrozen", "limit") if key in table]
    parts += [f"on {Path(str(table['data'])).name}"] if "data" in table else []
    return ", ".join(parts) or model


def _published(table: dict[str, Any], columns: Sequence[Column]) -> dict[str, float]:
    theirs = _table(table, "theirs")
    known = [*MEASURES, *(column.key for column in columns)]
    _known_keys(theirs, known, "published measure")
    for key, value in theirs.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"theirs.{key} is {value!r}; expected a number, accuracies as shares such as 0.95")
        if not key.endswith("loss") and not 0 <= value <= 1:
            raise UsageError(f"theirs.{key} is {value}; accuracies are shares from 0 to 1, such as 0.95")
    return {key: float(value) for key, value in theirs.items()}


def _grid(content: dict[str, Any]) -> list[dict[str, Any]]:
    """A table of a trial for every combination of the values in [grid]."""
    grid = _table(content, "grid")
    _known_keys(grid, (*_OF_GRID, *RECIPE_FIELDS), "key of [grid]")
    label = _text(grid, "label")
    options = {f"options.{key}": value for key, value in _table(grid, "options").items()}
    axes = {key: value for key, value in grid.items() if key not in ("label", "options")} | options
    for key, values in axes.items():
        if not isinstance(values, list) or not values:
            raise UsageError(f"{key} of [grid] is {values!r}; expected a list of values to try")
    made = []
    for combination in product(*axes.values()) if axes else ():
        values = dict(zip(axes, combination, strict=True))
        table = {key: value for key, value in values.items() if not key.startswith("options.")}
        chosen = {key.removeprefix("options."): value for key, value in values.items() if key.startswith("options.")}
        if chosen:
            table["options"] = chosen
        if label:
            table["label"] = _filled(label, {**table, **chosen})
        made.append(table)
    return made


def _filled(label: str, values: Mapping[str, Any]) -> str:
    """`batch size {batch_size}` with its value."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise unknown_name("value in [grid] for its label", match[1], values)
        return str(values[match[1]])

    return re.sub(r"\{(\w+)\}", value, label)


def _contrast(table: dict[str, Any]) -> Contrast:
    _known_keys(table, ("name", "pairs"), "key of [[contrasts]]")
    name, pairs = _text(table, "name"), _pairs(table, "pairs")
    if not name or not pairs:
        raise UsageError("an entry of [[contrasts]] needs a name and pairs")
    return Contrast(name, pairs)


def _column(table: dict[str, Any]) -> Column:
    _known_keys(table, ("key", "title", "data", "measure"), "key of [[columns]]")
    key, measure = _text(table, "key"), _text(table, "measure") or "accuracy"
    if not key:
        raise UsageError("an entry of [[columns]] needs a key")
    if measure not in ("accuracy", "balanced_accuracy"):
        raise unknown_name("measure for a column", measure, ("accuracy", "balanced_accuracy"))
    return Column(key, _text(table, "title") or key, _names(table, "data"), measure)


def _within(where: str, make: Callable[..., Trial], *arguments: Any) -> Trial:
    """Makes a trial; what is wrong with it is told with where it stands."""
    table = arguments[0]
    label = table.get("label")
    try:
        return make(*arguments)
    except UsageError as error:
        raise UsageError(f"{where}{f' ({label!r})' if isinstance(label, str) else ''}: {error}") from None


def _known_keys(table: Mapping[str, Any], known: Iterable[str], kind: str) -> None:
    known = tuple(known)
    for key in table:
        if key not in known:
            raise unknown_name(kind, key, known)


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise UsageError(f"{key} is {value!r}; expected a text")
    return " ".join(value.split())


def _whole(table: Mapping[str, Any], key: str, least: int) -> int | None:
    value = table.get(key)
    if value is not None and (type(value) is not int or value < least):
        raise UsageError(f"{key} is {value!r}; expected a whole number of at least {least}")
    return value


def _numbers(table: Mapping[str, Any], key: str) -> tuple[int, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(type(each) is int and each > 0 for each in value):
        raise UsageError(f"{key} is {value!r}; expected a list of numbers of images such as [20000, 60000]")
    return tuple(value)


def _share(table: Mapping[str, Any], key: str) -> float | None:
    value = table.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise UsageError(f"{key} is {value!r}; expected a share such as 0.9")
    return value


def _flag(table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise UsageError(f"{key} is {value!r}; expected true or false")
    return value


def _names(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UsageError(f"{key} is {value!r}; expected a list of names")
    return tuple(value)


def _pairs(table: Mapping[str, Any], key: str) -> tuple[tuple[str, str], ...]:
    value = table.get(key, [])
    good = isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(each, str) for each in pair) for pair in value
    )
    if not good:
        raise UsageError(f'{key} is {value!r}; expected a list of pairs of trials, such as [["one", "other"]]')
    return tuple((first, second) for first, second in value)


def _table(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise UsageError(f"{key} is {value!r}; expected a table")
    return value


def _tables(table: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise UsageError(f"{key} must be written as [[{key}]], once for each entry")
    return value
