"""From the text of a TOML file to a `Study`: what is shared, made or combined in the file is spelled out here."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any

from kuzushiji.errors import UsageError, unknown_name
from kuzushiji.files import expanded
from kuzushiji.models import MODELS, resolve
from kuzushiji.records import from_plain, parse_toml
from kuzushiji.runs.recipe import check_for_fitting
from kuzushiji.studies.checks import check_references
from kuzushiji.studies.definition import MOST_TRAININGS, RECIPE_FIELDS, Study, Trial, filled

_SHIPPED = files("kuzushiji.studies") / "shipped"


def shipped_studies() -> list[str]:
    """Names of the studies that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _SHIPPED.iterdir() if entry.name.endswith(".toml"))


def load_study(name: str | Path) -> Study:
    """Reads a study: one that comes with the package, by its name, or the user's own, by the path of its file.

    Raises:
        UsageError: there is no such study, or something in the file is wrong; the message says what, where, and what
            would be right.
    """
    if str(name).endswith(".toml"):
        path = expanded(name)
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
    return parse_study((_SHIPPED / f"{name}.toml").read_text(encoding="utf-8"), str(name), f"{name}.toml")


def parse_study(text: str, name: str, where: str) -> Study:
    """Reads the text of a study.

    Args:
        name: what the study is called.
        where: what the text is called in messages, such as its path.

    Raises:
        UsageError: as in `load_study`.
    """
    try:
        content = parse_toml(text)
    except ValueError as error:
        raise UsageError(f"{where} is no valid TOML: {error}") from None
    try:
        return _study(content, name, where)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


@dataclass(frozen=True)
class _Shared:
    """What stands in [shared]: a part of what may stand in a trial."""

    model: str = ""
    recipe_name: str = field(default="", metadata={"key": "recipe"})
    changes: Mapping[str, Any] = field(default_factory=dict, metadata={"gathers": RECIPE_FIELDS})
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Grid:
    """What stands in [grid]: a label with names in braces, and the values to be combined."""

    label: str = ""
    axes: Mapping[str, tuple[Any, ...]] = field(
        default_factory=dict, metadata={"gathers": ("model", "recipe", *RECIPE_FIELDS)}
    )
    options: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, values in {**self.axes, **self.options}.items():
            if not values:
                raise UsageError(f"{name} is an empty list; expected values to try")


def _study(content: dict[str, Any], name: str, where: str) -> Study:
    known = {each.name for each in fields(Study)} - {"name"} | {"shared", "grid"}
    for key in content:
        if key not in known:
            raise unknown_name("key", key, known)
    plain = {key: value for key, value in content.items() if key not in ("shared", "trials", "grid")}
    study = from_plain(_on_one_line(plain) | {"name": name}, Study, error=UsageError)
    shared = from_plain(content.get("shared", {}), _Shared, where="[shared]", error=UsageError)
    grid = from_plain(content.get("grid", {}), _Grid, where="[grid]", error=UsageError)
    tables = [(table, f"trial {number}") for number, table in enumerate(_trials(content, where), start=1)]
    tables += [(table, f"combination {number} of [grid]") for number, table in enumerate(_combinations(grid), start=1)]
    if not tables:
        raise UsageError("there is no trial; add [[trials]] or a [grid]")
    trials = tuple(_trial(table, shared, place) for table, place in tables)
    study = replace(study, title=study.title or name, trials=trials)
    check_references(study)
    return study


def _trials(content: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """The tables [[trials]], with the keys that they have today."""
    tables = content.get("trials", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError("trials must be written as [[trials]], once for each")
    for table in tables:
        if "teacher" in table:
            warnings.warn(f"{where}: `teacher` is called `pretraining` today; rename it", FutureWarning, stacklevel=2)
            table["pretraining"] = table.pop("teacher")
    return tables


def _trial(table: dict[str, Any], shared: _Shared, place: str) -> Trial:
    """A trial with what it has in common with the others; what is wrong with it is told with where it stands."""
    label = table.get("label")
    try:
        own = from_plain(_on_one_line(table), Trial, error=UsageError)
        return _ensemble(own, table) if own.ensemble else _complete(own, shared, table)
    except UsageError as error:
        raise UsageError(f"{place}{f' ({label!r})' if isinstance(label, str) else ''}: {error}") from None


def _ensemble(own: Trial, table: Mapping[str, Any]) -> Trial:
    more = [key for key in table if key not in ("label", "ensemble", "theirs")]
    if more:
        raise UsageError(f"an ensemble is made of other trials and has no {more[0]} of its own")
    return replace(own, label=own.label or " + ".join(own.ensemble))


def _complete(own: Trial, shared: _Shared, table: Mapping[str, Any]) -> Trial:
    if not (own.model or shared.model):
        raise UsageError("it names no model")
    model, recipe_name = resolve(own.model or shared.model)
    trial = replace(
        own,
        label=own.label or _made_label(table, model),
        model=model,
        recipe_name=own.recipe_name or shared.recipe_name or recipe_name,
        changes={**shared.changes, **own.changes},
        options={**shared.options, **own.options},
    )
    # Of the options the names can only be checked with PyTorch; see `check_networks`.
    recipe = trial.recipe
    if MODELS[model].fitted:
        check_for_fitting(model, recipe, own.changes)
        if trial.start or trial.weights or trial.pretraining:
            raise UsageError(f"{model} is fitted in one pass; it has no weights to start from")
    return trial


def _made_label(table: Mapping[str, Any], model: str) -> str:
    """`batch_size 8, dropout 0.5` from what a trial changes; the network where it changes nothing else."""
    parts = [table[key] for key in ("model", "recipe") if key in table]
    changed = {key: value for key, value in table.items() if key in RECIPE_FIELDS} | table.get("options", {})
    parts += [f"{key} {value}" for key, value in changed.items()]
    parts += [f"from {Path(table[key]).name}" for key in ("start", "weights") if key in table]
    parts += [f"{key} {table[key]}" for key in ("unfrozen", "limit") if key in table]
    parts += [f"on {Path(table['data']).name}"] if "data" in table else []
    return ", ".join(parts) or model


def _combinations(grid: _Grid) -> list[dict[str, Any]]:
    """A table of a trial for every combination of the values in [grid]."""
    axes = [*grid.axes.values(), *grid.options.values()]
    if (count := math.prod(map(len, axes)) if axes else 0) > MOST_TRAININGS:
        raise UsageError(f"[grid] has {count:,} combinations, more than {MOST_TRAININGS:,}; try fewer values")
    made = []
    for values in product(*axes) if axes else ():
        table: dict[str, Any] = dict(zip(grid.axes, values[: len(grid.axes)], strict=True))
        if options := dict(zip(grid.options, values[len(grid.axes) :], strict=True)):
            table["options"] = options
        if grid.label:
            table["label"] = filled(grid.label, {**table, **options}, "value in [grid] for its label")
        made.append(table)
    return made


def _on_one_line(value: Any) -> Any:
    """A table whose texts, which may be of several lines in the file, are of one."""
    if isinstance(value, dict):
        return {key: _on_one_line(each) for key, each in value.items()}
    return " ".join(value.split()) if isinstance(value, str) else value
