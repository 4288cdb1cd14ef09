"""`Sweep`: what is searched for which network on which data, and how; all of it checked before anything runs."""

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from kuzushiji.data.source import Source, parse
from kuzushiji.data.splits import check_cut_off
from kuzushiji.errors import DataError, UsageError, unknown_name
from kuzushiji.models import MODELS, resolve
from kuzushiji.records import from_plain, parse_toml
from kuzushiji.runs.recipe import Recipe, named_recipe
from kuzushiji.sweep.space import OPTION, Choices, Dimension, check_objective, dimension, written

SAMPLERS: Mapping[str, str] = {
    "tpe": "tree-structured Parzen estimator: tries what resembles the best so far (Bergstra et al. 2011)",
    "random": "draws at random",
    "grid": "every combination once, in an order drawn by the seed",
    "gp": "Gaussian process, for few trials of few numbers",
    "cmaes": "evolution strategy CMA-ES, for numbers alone; needs the package cmaes",
    "qmc": "quasi-Monte Carlo: spreads more evenly than chance",
    "nsgaii": "genetic algorithm NSGA-II, for hundreds of trials",
}
"""How the next trial is chosen, by name."""

PRUNERS: Mapping[str, str] = {
    "median": "ends a trial that is worse than the median of the others at the same epoch",
    "successive_halving": "lets the best quarter go on at epoch 1, 4, 16 ... (Li et al. 2020)",
    "hyperband": "several successive halvings, from strict to lenient (Li et al. 2018)",
    "none": "lets every trial run to its end",
}
"""Which trials are ended early, by name."""

OBJECTIVES: Mapping[str, str] = {"accuracy": "highest validation accuracy", "loss": "lowest validation loss"}
"""What makes a trial the best, by name."""

MOST_COMBINATIONS = 5_000
"""A larger grid would not be run to its end by anybody."""


@dataclass(frozen=True)
class Sweep:
    """A search over fields of a recipe and options of a network.

    Attributes:
        model: a network, or a network with a recipe such as `nn_1_sgd`.
        data: anything that `kuzushiji train` takes.
        search: what is searched, `{"lr": "0.001..0.1 log", "option.width": "16,32"}`; see `space.py`.
        fixed: fields of the recipe that all trials share, by name.
        options: options of the network that all trials share.
        recipe: the named recipe that all trials start from; the network's own if None.
        sampler: one of `SAMPLERS`.
        pruner: one of `PRUNERS`.
        objective: one of `OBJECTIVES`, on the validation images, at the epoch that the recipe keeps.
        limit, image_size, cover, rare_below: as in `kuzushiji train`.

    Raises:
        UsageError: a name or a value is wrong; the message says which and what it can be.
    """

    model: str
    data: str
    search: Mapping[str, str]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    recipe: str | None = None
    sampler: str = "tpe"
    pruner: str = "median"
    objective: str = "accuracy"
    limit: int | None = None
    image_size: int | None = None
    cover: float | None = None
    rare_below: int | None = None

    def __post_init__(self) -> None:
        # From wherever it is taken up, the data lies where it lay.
        object.__setattr__(self, "data", parse(self.data).address)
        for kind, name, known in (
            ("sampler", self.sampler, SAMPLERS),
            ("pruner", self.pruner, PRUNERS),
            ("objective", self.objective, OBJECTIVES),
        ):
            if name not in known:
                raise unknown_name(kind, name, known)
        if not self.search:
            raise UsageError('say what to search, such as --search "lr=0.001..0.1 log"')
        check_objective(self.search, self.objective)
        for name in self.search:
            if name in self.fixed or (name.removeprefix(OPTION) in self.options and name.startswith(OPTION)):
                raise UsageError(f"{name} is searched and fixed at once; leave out one of the two")
        if self.limit is not None and self.limit < 2:
            raise UsageError(f"limit is {self.limit}; it must be at least 2")
        check_cut_off(self.cover, self.rare_below)
        space = self.space  # reads the grammar
        if self.sampler == "grid":
            combinations = math.prod(each.count() for each in space)
            if combinations > MOST_COMBINATIONS:
                raise UsageError(
                    f"the grid has {combinations:,} combinations, more than {MOST_COMBINATIONS:,}; "
                    "search fewer values, or take --sampler tpe or random"
                )
        self._check_options()

    @cached_property
    def source(self) -> Source:
        """The data."""
        return parse(self.data)

    @cached_property
    def base(self) -> Recipe:
        """The recipe with what is fixed; the fields that are searched have the values they start from."""
        return named_recipe(self.recipe or resolve(self.model)[1]).change(**self.fixed)

    @cached_property
    def space(self) -> tuple[Dimension, ...]:
        """What is searched, field by field."""
        return tuple(dimension(name, text, self.model, self.base) for name, text in self.search.items())

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """What is done to the objective."""
        return "maximize" if self.objective == "accuracy" else "minimize"

    @property
    def most_epochs(self) -> int:
        """How many epochs a trial can have."""
        searched = next((each for each in self.space if each.name == "epochs"), None)
        if searched is None:
            return self.base.epochs
        return max(searched.values) if isinstance(searched, Choices) else int(searched.high)

    def recipe_changes(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of the recipe that a trial with these values changes."""
        return {**self.fixed, **{name: value for name, value in params.items() if not name.startswith(OPTION)}}

    def model_options(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Options of the network that a trial with these values has."""
        searched = {name.removeprefix(OPTION): value for name, value in params.items() if name.startswith(OPTION)}
        return {**self.options, **searched}

    def check_data(self) -> None:
        """Checks, without reading an image, that the data is there and that there will be validation images.

        Raises:
            DataError: it is missing.
            UsageError: there is no such dataset, or it would leave no validation images.
        """
        if "validation" not in self.source.splits and not self.base.validation_fraction:
            raise UsageError("a sweep compares its trials on validation images; set --validation-fraction, such as 0.1")

    def command(self) -> str:
        """The `kuzushiji sweep` command that searches the same."""
        words = ["kuzushiji", "sweep", self.model, "--data", self.data]
        for name, text in self.search.items():
            words += ["--search", f"{name}={text}"]
        if self.recipe is not None:
            words += ["--recipe", self.recipe]
        for name, value in self.fixed.items():
            flag = name.replace("_", "-")
            words += [f"--{'' if value else 'no-'}{flag}"] if isinstance(value, bool) else [f"--{flag}", f"{value}"]
        for name, value in self.options.items():
            words += ["--option", f"{name}={value}"]
        defaults = {each.name: each.default for each in fields(self)}
        for name in ("sampler", "pruner", "objective", "limit", "image_size", "cover", "rare_below"):
            if (value := getattr(self, name)) != defaults[name]:
                words += [f"--{name.replace('_', '-')}", f"{value}"]
        return shlex.join(words)

    def differences(self, other: "Sweep") -> list[str]:
        """In what two sweeps differ, in words; where the data lies is none, for that is another on each machine."""
        found = []
        for each in fields(self):
            mine, its = getattr(self, each.name), getattr(other, each.name)
            if each.name == "data":
                mine, its = self.source.label, other.source.label
            if isinstance(mine, Mapping):
                mine, its = _listed(mine), _listed(its)
            if mine != its:
                found.append(f"{each.name} is {its or 'not given'}, not {mine or 'not given'}")
        return found

    def _check_options(self) -> None:
        """Makes the network, without values, once for every value of an option, for it may refuse some."""
        searched = {
            each.name.removeprefix(OPTION): each.values if isinstance(each, Choices) else (each.low, each.high)
            for each in self.space
            if each.name.startswith(OPTION)
        }
        if not searched and not self.options:
            return
        from kuzushiji.models.inspection import outline_model

        name = resolve(self.model)[0]
        entry = MODELS[name]
        tried = [dict(self.options)]
        tried += [{**self.options, option: value} for option, values in searched.items() for value in values]
        for options in tried:
            outline_model(name, classes=entry.classes, image_size=entry.image_size, **options)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={written(value)}" for name, value in sorted(values.items()))


@dataclass(frozen=True)
class _Shared:
    """What stands in [shared] of a file."""

    model: str | None = None
    recipe: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(
        default_factory=dict, metadata={"gathers": tuple(each.name for each in fields(Recipe))}
    )


@dataclass(frozen=True)
class _File:
    """What stands in a file."""

    data: str | None = None
    name: str | None = None
    trials: int | None = None
    timeout: float | None = None
    jobs: int | None = None
    sampler: str | None = None
    pruner: str | None = None
    objective: str | None = None
    limit: int | None = None
    image_size: int | None = None
    cover: float | None = None
    rare_below: int | None = None
    shared: _Shared = _Shared()
    search: Mapping[str, Any] = field(default_factory=dict)


def read_file(path: Path) -> dict[str, Any]:
    """What a TOML file says of a sweep.

        data = "kmnist6k"
        trials = 20                     # optional, as are name, timeout, jobs, sampler, pruner, objective, limit,
        sampler = "tpe"                 # image_size, cover and rare_below

        [shared]                        # what all trials have in common
        model = "resnet"
        recipe = "default"              # optional
        epochs = 8                      # any field of a recipe
        options = { depth = 1 }         # options of the network

        [search]
        lr = "0.001..0.1 log"
        optimizer = ["sgd", "adamw"]
        options = { width = [16, 32, 64] }

    Returns:
        The fields of `Sweep` that it names, and `name`, `trials`, `timeout`, `jobs` where it names them.

    Raises:
        DataError: it can't be read.
        UsageError: it has something that has no meaning here.
    """
    try:
        content = parse_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; expected a TOML file that describes a sweep") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} can't be read as TOML ({error})") from None
    file = from_plain(content, _File, where=f"{path}", error=UsageError)
    options = file.search.get("options", {})
    if not isinstance(options, Mapping):
        raise UsageError(f"{path}: options is {options!r}; expected a table")
    searched = {name: values for name, values in file.search.items() if name != "options"}
    searched |= {f"{OPTION}{name}": values for name, values in options.items()}
    found = {name: value for name, value in {**vars(file), **vars(file.shared)}.items() if value is not None}
    del found["shared"]
    return found | {"search": {name: _as_text(path, name, values) for name, values in searched.items()}}


def _as_text(path: Path, name: str, values: Any) -> str:
    if isinstance(values, str):
        return values
    if isinstance(values, list) and all(isinstance(value, str | int | float) for value in values):
        return ",".join(map(written, values))
    raise UsageError(f'{path}: {name} is {values!r}; expected a list of values, or a text such as "0.001..0.1 log"')
