"""Tables of results, written from run folders and from nothing else."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from statistics import mean, stdev

from kuzushiji.errors import DataError
from kuzushiji.evaluation.bootstrap import Estimate
from kuzushiji.evaluation.calibration import Calibration
from kuzushiji.evaluation.metrics import Evaluation
from kuzushiji.evaluation.outliers import Detection, detect_outliers
from kuzushiji.evaluation.runs import same_but_for_the_seed, stored_calibration, stored_evaluation, stored_outliers
from kuzushiji.evaluation.selective import ACCURACIES, COVERAGES
from kuzushiji.report.results_page import Section, Table, write_page
from kuzushiji.runs.command import command_of, settings_of
from kuzushiji.runs.config import RunConfig
from kuzushiji.runs.familiarities import MEASURES
from kuzushiji.runs.run import Run

COLUMNS = (
    "network",
    "recipe",
    "parameters",
    "training images",
    "epochs",
    "seeds",
    "accuracy %",
    "balanced accuracy %",
    "top-5 %",
    "AUC (macro)",
    "seconds",
)

CERTAINTY_COLUMNS = (
    "network",
    "recipe",
    "temperature",
    "ECE %",
    "ECE scaled %",
    "AURC %",
    *(f"accuracy of surest {coverage * 100:g} %" for coverage in COVERAGES),
    *(f"answered at {accuracy * 100:g} %" for accuracy in ACCURACIES),
)

FREQUENCY = (
    "The accuracy, %, of rare and of frequent classes, by the number of training images of the class, with Wilson's "
    "interval."
)

CERTAINTY = (
    "How far their certainty can be trusted: the expected calibration error before and after the logits are divided by "
    "a temperature that was fitted on validation images; the area under the risk-coverage curve; the accuracy of the "
    "surest answers; and how many can be answered so that so many of the answers are right."
)

OUTLIERS = (
    "Whether they can tell what they do not know, shown by `kuzushiji evaluate RUN --outliers`: the area under the ROC "
    "curve, %, of test images against images of other things, by the greatest probability, by energy, and by the "
    "distance of the embedding to the nearest class mean. 50 is a toss; below it the strange looks more familiar than "
    "the known."
)


@dataclass(frozen=True)
class Trial:
    """Runs that differ in nothing but the seed.

    Attributes:
        runs: the runs.
        evaluations, calibrations: of each.
        outliers: of each; empty where not all have been shown any.
    """

    runs: tuple[Run, ...]
    evaluations: tuple[Evaluation, ...]
    calibrations: tuple[Calibration, ...]
    outliers: tuple[tuple[Detection, ...], ...]

    @property
    def accuracy(self) -> float:
        """Mean test accuracy."""
        return mean(each.accuracy.value for each in self.evaluations)

    def name(self) -> list[str]:
        """Network and recipe, as the first two cells of a row."""
        config = self.runs[0].config
        options = "".join(f" {name}={value}" for name, value in config.model.options.items())
        return [f"`{config.model.name}`{options}", config.recipe_name + _changes(config)]

    def row(self) -> list[str]:
        """The trial as a row of the table; one run has its bootstrap interval, several their deviation."""
        config = self.runs[0].config
        epochs = sorted({len(run.metrics) for run in self.runs})
        return [
            *self.name(),
            f"{config.model.parameters:,}",
            f"{config.data.splits['train'].count:,}",
            " to ".join(str(count) for count in {epochs[0]: 0, epochs[-1]: 0}),
            str(len(self.runs)),
            _percent([each.accuracy for each in self.evaluations]),
            _percent([each.balanced_accuracy for each in self.evaluations]),
            _percent([each.top5_accuracy for each in self.evaluations]),
            f"{mean(each.auc_macro.value for each in self.evaluations):.4f}",
            f"{mean(run.seconds for run in self.runs):,.0f}",
        ]

    def certainty_row(self) -> list[str]:
        """How far its certainty can be trusted, as a row; dashes where no temperature could be fitted."""
        found = self.calibrations
        temperatures = [each.temperature for each in found]
        after = [each.after.ece for each in found if each.after is not None]
        return [
            *self.name(),
            "–" if any(map(isnan, temperatures)) else f"{mean(temperatures):.2f}",
            _percent([each.before.ece for each in found]),
            _percent(after) if len(after) == len(found) else "–",
            _percent([each.aurc for each in found]),
            *(_percent([each.accuracy_at_coverage[coverage] for each in found]) for coverage in COVERAGES),
            *(_percent([each.coverage_at_accuracy[accuracy] for each in found]) for accuracy in ACCURACIES),
        ]

    def frequency_row(self, groups: Sequence[int]) -> list[str]:
        """The accuracy of each group of classes, as a row; a dash where none of the classes belongs to it."""
        every = [{group.at_least: group.accuracy for group in each.by_frequency} for each in self.evaluations]
        found = [[each[group] for each in every if group in each] for group in groups]
        return [*self.name(), *(_percent(each) if each else "–" for each in found)]

    def outlier_rows(self, kinds: Sequence[str]) -> list[list[str]]:
        """How well outliers are told, as a row for each measure of familiarity."""
        every = [each for found in self.outliers for each in found]
        rows = []
        for measure in MEASURES:
            areas = [
                [each.auroc[measure] for each in every if each.name == kind and measure in each.auroc] for kind in kinds
            ]
            if any(areas):
                rows.append([*self.name(), measure, *(_percent(each) if each else "–" for each in areas)])
        return rows


def results_page(runs: Iterable[Run], title: str = "Results", earlier: str = "") -> str:
    """A page of Markdown with tables for each dataset, the best accuracy first, and how each line was made.

    Args:
        runs: finished runs that have predicted a test set; others are left out.
        title: the heading of the page.
        earlier: such a page, whose rows are kept unless runs of the same name replace them; so is all else on it.

    Raises:
        DataError: the earlier page can't be read, or has results on other test images.
    """
    by_data: dict[str, list[Trial]] = defaultdict(list)
    for trial in _trials(runs):
        by_data[trial.runs[0].config.data.name].append(trial)
    return write_page(title, [_section(name, trials) for name, trials in by_data.items()], earlier)


def _section(data: str, trials: list[Trial]) -> Section:
    trials = sorted(trials, key=lambda trial: -trial.accuracy)
    tables = [_table("", COLUMNS, [trial.row() for trial in trials])]
    groups = {group.at_least: group.title for t in trials for e in t.evaluations for group in e.by_frequency}
    if len(groups) > 1:
        columns = ("network", "recipe", *(groups[group] for group in sorted(groups)))
        tables.append(_table(FREQUENCY, columns, [trial.frequency_row(sorted(groups)) for trial in trials]))
    tables.append(_table(CERTAINTY, CERTAINTY_COLUMNS, [trial.certainty_row() for trial in trials]))
    kinds = list(dict.fromkeys(each.name for trial in trials for found in trial.outliers for each in found))
    if kinds:
        rows = [row for trial in trials for row in trial.outlier_rows(kinds)]
        tables.append(_table(OUTLIERS, ("network", "recipe", "by", *kinds), rows))
    machines = sorted({str(run.config.machine) for trial in trials for run in trial.runs})
    return Section(data, _tested(trials[0]), tuple(machines), tuple(tables), tuple(_commands(trials)))


def _table(about: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    return Table(about, tuple(columns), tuple(map(tuple, rows)))


def _trials(runs: Iterable[Run]) -> list[Trial]:
    measured = [run for run in runs if run.finished and run.predictions_file().exists()]
    return [
        Trial(group, tuple(map(stored_evaluation, group)), tuple(map(stored_calibration, group)), _outliers(group))
        for group in same_but_for_the_seed(measured)
    ]


def _outliers(runs: Sequence[Run]) -> tuple[tuple[Detection, ...], ...]:
    try:
        shown = [stored_outliers(run) for run in runs]
    except DataError:
        return ()  # damaged, or of another training
    return tuple(detect_outliers(each) for each in shown if each) if all(shown) else ()


def _changes(config: RunConfig) -> str:
    """What differs from the named recipe, as it would be written on the command line."""
    return "".join(f" {word}" for word in settings_of(config, published=True, without=("seed",)))


def _tested(trial: Trial) -> str:
    config, present = trial.runs[0].config, trial.evaluations[0].present
    tested = config.data.splits["test"].count
    return f"{tested:,} test images of {present:,} of the {len(config.classes):,} classes."


def _percent(estimates: Sequence[Estimate]) -> str:
    values = [100 * each.value for each in estimates]
    if len(values) > 1:
        return f"{mean(values):.2f} ± {stdev(values):.2f}"
    return f"{values[0]:.2f} ({100 * estimates[0].low:.2f} to {100 * estimates[0].high:.2f})"


def _commands(trials: Sequence[Trial]) -> list[str]:
    commands = [command_of(run.config, published=True) for trial in trials for run in trial.runs]
    return list(dict.fromkeys(commands))
