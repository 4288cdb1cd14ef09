"""Results as data: what runs reached, kept in a JSON file, to which those of more runs are added.

The page that people read is drawn from it (`kuzushiji.report.results_page`) and never read back.
"""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import isnan
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from kuzushiji.errors import DataError
from kuzushiji.evaluation.bootstrap import Estimate
from kuzushiji.evaluation.calibration import Calibration
from kuzushiji.evaluation.metrics import Evaluation
from kuzushiji.evaluation.outliers import Detection, detect_outliers
from kuzushiji.evaluation.runs import same_but_for_the_seed, stored_calibration, stored_evaluation, stored_outliers
from kuzushiji.inference.origins import commands_before
from kuzushiji.records import read_json, write_json
from kuzushiji.runs.command import command_of, settings_of
from kuzushiji.runs.config import RunConfig
from kuzushiji.runs.run import Run

VERSION = 1

_OMITTED = {"omit": True}


@dataclass(frozen=True)
class Measured:
    """A measured number: of one run with the ends of its 95 % interval, of several their mean and deviation.

    Shares run from 0 to 1.
    """

    value: float
    low: float | None = field(default=None, metadata=_OMITTED)
    high: float | None = field(default=None, metadata=_OMITTED)
    deviation: float | None = field(default=None, metadata=_OMITTED)


@dataclass(frozen=True)
class Certainty:
    """How far the certainty can be trusted; the fields are those of `Calibration`.

    `temperature` and `scaled_ece` are None where no temperature could be fitted.
    """

    temperature: float | None
    ece: Measured
    scaled_ece: Measured | None
    aurc: Measured
    accuracy_at_coverage: Mapping[str, Measured]
    coverage_at_accuracy: Mapping[str, Measured]


@dataclass(frozen=True)
class Row:
    """What runs reached that differ in nothing but the seed.

    Attributes:
        network: the architecture.
        options: what it lets one choose, where that is not its default.
        recipe: the recipe, or the one that comes nearest.
        settings: in what the training differs from network, data and recipe alone, as its command says it.
        seeds: how many runs there are.
        parameters: of the network; None where that was not noted.
        train_images: that it was trained on.
        epochs: of the shortest and of the longest training.
        seconds: of the training with its validation, mean of the runs.
        accuracy, balanced_accuracy, top5_accuracy, auc_macro: as in `Evaluation`.
        by_frequency: least number of training images of a class -> accuracy of the classes that have so many, but
            not as many as the next.
        certainty: how far it can be trusted; None where that was not measured.
        outliers: measure of familiarity -> kind of strange images -> area under the ROC curve; empty where the
            networks were not shown any.
        commands: which make the runs again, from nothing but for the runs in `lost`.
    """

    network: str
    options: Mapping[str, Any]
    recipe: str
    settings: str
    seeds: int
    parameters: int | None
    train_images: int
    epochs: tuple[int, int]
    seconds: float
    accuracy: Measured
    balanced_accuracy: Measured
    top5_accuracy: Measured
    auc_macro: Measured
    by_frequency: Mapping[str, Measured]
    certainty: Certainty | None
    outliers: Mapping[str, Mapping[str, Measured]]
    commands: tuple[str, ...]

    @property
    def lost(self) -> tuple[str, ...]:
        """The runs that the commands begin with or learn from and that none of them makes."""
        words = [shlex.split(command) for command in self.commands]
        made = {run for each in words for run in _given(each, "--run")}
        begun = [run for each in words for option in ("--from", "--teacher") for run in _given(each, option)]
        return tuple(run for run in dict.fromkeys(begun) if run not in made)

    def same_training(self, other: "Row") -> bool:
        """Whether the two are of the same network, trained in the same way."""
        own, others = ((each.network, dict(each.options), each.recipe, each.settings) for each in (self, other))
        return own == others


def _given(words: Sequence[str], option: str) -> list[str]:
    return [value for word, value in pairwise(words) if word == option]


@dataclass(frozen=True)
class DataResults:
    """What was reached on one data set.

    Attributes:
        data: its name.
        test_images: how many there are.
        present: how many classes they are of.
        classes: how many classes the networks know.
        machines: those that the networks were trained on.
        rows: the best accuracy first.
    """

    data: str
    test_images: int
    present: int
    classes: int
    machines: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def tested(self) -> str:
        """What the figures are of."""
        return f"{self.test_images:,} test images of {self.present:,} of the {self.classes:,} classes"

    def updated(self, newer: "DataResults") -> "DataResults":
        """With the rows of newer results, which replace those of the same training.

        Raises:
            DataError: they are of different test images, whose figures are not to be compared.
        """
        if self.tested != newer.tested:
            raise DataError(
                f"the results on {self.data} are of {self.tested}, those of these runs of {newer.tested}: figures of "
                "different images do not belong in one table; write them to another file"
            )
        kept = [row for row in self.rows if not any(row.same_training(each) for each in newer.rows)]
        return replace(
            self,
            machines=tuple(sorted({*self.machines, *newer.machines})),
            rows=_best_first([*kept, *newer.rows]),
        )


@dataclass(frozen=True)
class KindReading:
    """How characters of one kind were recognized on pages.

    Attributes:
        kind: what they are.
        count: how many there are.
        right: share that was named right.
        among_5: share that was among the five candidates.
        sure: share of the answers that were not unsure.
        right_of_sure: share of these that were right; None where there are none.
    """

    kind: str
    count: int
    right: Measured
    among_5: float
    sure: float
    right_of_sure: float | None


@dataclass(frozen=True)
class PageReading:
    """How an exported network recognizes the boxed characters of pages.

    Attributes:
        model: the network.
        classes: how many it knows.
        command: what measured it.
        kinds: the characters by kind; the last is all of them.
    """

    model: str
    classes: int
    command: str
    kinds: tuple[KindReading, ...]


@dataclass(frozen=True)
class Results:
    """All that a file of results holds.

    Attributes:
        data: by data set, in the order of their names.
        pages: on the characters of real pages.
        version: of this form.
    """

    data: tuple[DataResults, ...] = ()
    pages: tuple[PageReading, ...] = ()
    version: int = VERSION

    def updated(self, data: Iterable[DataResults] = (), pages: Iterable[PageReading] = ()) -> "Results":
        """With newer results; what they do not replace is kept.

        Raises:
            DataError: as in `DataResults.updated`.
        """
        of = {each.data: each for each in self.data}
        for newer in data:
            of[newer.data] = of[newer.data].updated(newer) if newer.data in of else newer
        by_model = {each.model: each for each in (*self.pages, *pages)}
        return replace(self, data=tuple(of[name] for name in sorted(of)), pages=tuple(by_model.values()))


def read_results(path: Path) -> Results:
    """Reads a file of results; there are none where there is no file.

    Raises:
        DataError: it can't be read, or was written in another form.
    """
    try:
        found = read_json(path, Results)
    except FileNotFoundError:
        return Results()
    if found.version != VERSION:
        raise DataError(f"{path} is of version {found.version}; this version of kuzushiji reads {VERSION}")
    return found


def write_results(path: Path, results: Results) -> None:
    """Writes a file of results, whole or not at all."""
    write_json(path, results, indent=1)


def measure_results(runs: Iterable[Run]) -> list[DataResults]:
    """What runs reached, by data set.

    Args:
        runs: finished runs that have predicted a test set; others are left out.
    """
    measured = [run for run in runs if run.finished and run.predictions_file().exists()]
    by_data: dict[str, list[tuple[Run, ...]]] = defaultdict(list)
    for group in same_but_for_the_seed(measured):
        by_data[group[0].config.data.name].append(group)
    return [_on_data(name, groups) for name, groups in by_data.items()]


def _on_data(data: str, groups: Sequence[tuple[Run, ...]]) -> DataResults:
    first = groups[0][0]
    machines = {str(run.config.machine) for group in groups for run in group}
    return DataResults(
        data=data,
        test_images=stored_evaluation(first).count,
        present=stored_evaluation(first).present,
        classes=len(first.config.classes),
        machines=tuple(sorted(machines)),
        rows=_best_first(map(_row, groups)),
    )


def _best_first(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: -row.accuracy.value))


def _row(runs: Sequence[Run]) -> Row:
    config = runs[0].config
    epochs = [len(run.metrics) for run in runs]
    evaluations = [stored_evaluation(run) for run in runs]
    return Row(
        network=config.model.name,
        options=config.model.options,
        recipe=config.recipe_name,
        settings=shlex.join(settings_of(config, published=True, without=("seed",))),
        seeds=len(runs),
        parameters=config.model.parameters,
        train_images=config.data.splits["train"].count,
        epochs=(min(epochs), max(epochs)),
        seconds=round(mean(run.seconds for run in runs), 1),
        accuracy=_figure(each.accuracy for each in evaluations),
        balanced_accuracy=_figure(each.balanced_accuracy for each in evaluations),
        top5_accuracy=_figure(each.top5_accuracy for each in evaluations),
        auc_macro=_figure(each.auc_macro for each in evaluations),
        by_frequency=_by_frequency(evaluations),
        certainty=_certainty([stored_calibration(run) for run in runs]),
        outliers=_outliers(runs),
        commands=tuple(dict.fromkeys(command for run in runs for command in _chain(run.config))),
    )


def _chain(config: RunConfig) -> list[str]:
    """The commands that train a network from nothing, the last of which trains this one."""
    return [*commands_before(config), command_of(config, published=True)]


def _by_frequency(evaluations: Sequence[Evaluation]) -> dict[str, Measured]:
    every: dict[int, list[Estimate]] = defaultdict(list)
    for evaluation in evaluations:
        for group in evaluation.by_frequency:
            every[group.at_least].append(group.accuracy)
    return {str(least): _figure(every[least]) for least in sorted(every)}


def _certainty(found: Sequence[Calibration]) -> Certainty:
    temperatures = [each.temperature for each in found]
    after = [each.after.ece for each in found if each.after is not None]
    return Certainty(
        temperature=None if any(map(isnan, temperatures)) else round(mean(temperatures), 6),
        ece=_figure(each.before.ece for each in found),
        scaled_ece=_figure(after) if len(after) == len(found) else None,
        aurc=_figure(each.aurc for each in found),
        accuracy_at_coverage=_each_figure([each.accuracy_at_coverage for each in found]),
        coverage_at_accuracy=_each_figure([each.coverage_at_accuracy for each in found]),
    )


def _each_figure(found: Sequence[Mapping[float, Estimate]]) -> dict[str, Measured]:
    return {f"{at:g}": _figure(each[at] for each in found) for at in found[0]}


def _outliers(runs: Sequence[Run]) -> dict[str, dict[str, Measured]]:
    """Empty where not all of the runs were shown any, or a file of them is damaged or of another training."""
    try:
        shown = [stored_outliers(run) for run in runs]
    except DataError:
        return {}
    every: dict[str, dict[str, list[Estimate]]] = defaultdict(lambda: defaultdict(list))
    detections: list[Detection] = (
        [kind for each in shown if each for kind in detect_outliers(each)] if all(shown) else []
    )
    for kind in detections:
        for measure, area in kind.auroc.items():
            every[measure][kind.name].append(area)
    return {measure: {kind: _figure(areas) for kind, areas in kinds.items()} for measure, kinds in every.items()}


def _figure(estimates: Iterable[Estimate]) -> Measured:
    found = list(estimates)
    values = [each.value for each in found]
    if len(values) > 1:
        return Measured(round(mean(values), 6), deviation=round(stdev(values), 6))
    low, high = (None if isnan(end) else round(end, 6) for end in (found[0].low, found[0].high))
    return Measured(round(values[0], 6), low, high)
