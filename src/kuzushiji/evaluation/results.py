"""Tables of results, written from run folders and from nothing else."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from kuzushiji.evaluation.bootstrap import Estimate
from kuzushiji.evaluation.metrics import Evaluation
from kuzushiji.evaluation.runs import same_but_for_the_seed, stored_evaluation
from kuzushiji.training.recipe import changes_of
from kuzushiji.training.runs import Run

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


@dataclass(frozen=True)
class Trial:
    """Runs that differ in nothing but the seed."""

    runs: tuple[Run, ...]
    evaluations: tuple[Evaluation, ...]

    @property
    def accuracy(self) -> float:
        """Mean test accuracy."""
        return mean(each.accuracy.value for each in self.evaluations)

    def row(self) -> list[str]:
        """The trial as a row of the table; one run has its bootstrap interval, several their deviation."""
        config = self.runs[0].config
        model = config["model"]
        options = "".join(f" {name}={value}" for name, value in model["options"].items())
        epochs = sorted({len(run.metrics) for run in self.runs})
        return [
            f"`{model['name']}`{options}",
            config["recipe_name"] + _changes(config),
            f"{model['parameters']:,}",
            f"{config['dataset']['splits']['train']['count']:,}",
            " to ".join(str(count) for count in {epochs[0]: 0, epochs[-1]: 0}),
            str(len(self.runs)),
            _percent([each.accuracy for each in self.evaluations]),
            _percent([each.balanced_accuracy for each in self.evaluations]),
            _percent([each.top5_accuracy for each in self.evaluations]),
            f"{mean(each.auc_macro.value for each in self.evaluations):.4f}",
            f"{mean(run.seconds for run in self.runs):,.0f}",
        ]


def results_page(runs: Iterable[Run], title: str = "Results") -> str:
    """A page of Markdown with a table for each dataset, the best accuracy first, and how each line was made.

    Args:
        runs: finished runs that have predicted a test set; others are left out.
    """
    by_data: dict[str, list[Trial]] = defaultdict(list)
    for trial in _trials(runs):
        by_data[trial.runs[0].config["dataset"]["name"]].append(trial)
    lines = [
        f"# {title}",
        "",
        "Written by `kuzushiji results` from run folders. The test set was used once, at the end of each training; "
        "whatever was chosen was chosen on validation images. One run is given with its 95 % bootstrap interval over "
        "the test images, several with mean ± standard deviation over the seeds. Seconds are those of the training "
        "with its validation.",
    ]
    for name in sorted(by_data):
        trials = sorted(by_data[name], key=lambda trial: -trial.accuracy)
        lines += ["", f"## {name}", "", _describe(trials), "", *_markdown_table([trial.row() for trial in trials])]
        lines += ["", "Made by:", "", "```", *_commands(trials), "```"]
    return "\n".join(lines) + "\n"


def _trials(runs: Iterable[Run]) -> list[Trial]:
    measured = [run for run in runs if run.finished and run.predictions_file().exists()]
    return [Trial(group, tuple(map(stored_evaluation, group))) for group in same_but_for_the_seed(measured)]


def _changes(config: dict) -> str:
    """What differs from the named recipe, as it would be written on the command line."""
    changes = {field: value for field, value in changes_of(config).items() if field != "seed"}
    dataset, start = config["dataset"], config.get("start")
    changes |= {name: dataset[name] for name in ("cover", "rare_below") if dataset.get(name) is not None}
    if start:
        changes["from" if start["kind"] == "run" else "weights"] = Path(start["name"]).name
        changes |= {} if start["unfrozen"] is None else {"unfrozen": start["unfrozen"]}
    return "".join(f" --{field.replace('_', '-')} {value}" for field, value in changes.items())


def _describe(trials: Sequence[Trial]) -> str:
    config = trials[0].runs[0].config
    machines = sorted({_machine(run.config["machine"]) for trial in trials for run in trial.runs})
    present = trials[0].evaluations[0].present
    tested = config["dataset"]["splits"]["test"]["count"]
    return (
        f"{tested:,} test images of {present:,} of the {len(config['classes']):,} classes. "
        f"Trained on {'; '.join(machines)}."
    )


def _machine(machine: dict) -> str:
    return f"{machine['processor']}, {machine['cores']} cores, {machine['device']}"


def _percent(estimates: Sequence[Estimate]) -> str:
    values = [100 * each.value for each in estimates]
    if len(values) > 1:
        return f"{mean(values):.2f} ± {stdev(values):.2f}"
    return f"{values[0]:.2f} ({100 * estimates[0].low:.2f} to {100 * estimates[0].high:.2f})"


def _markdown_table(rows: list[list[str]]) -> list[str]:
    numeric = [column not in ("network", "recipe") for column in COLUMNS]
    cells = [list(COLUMNS), ["---:" if right else "---" for right in numeric], *rows]
    return ["| " + " | ".join(row) + " |" for row in cells]


def _commands(trials: Sequence[Trial]) -> list[str]:
    commands = [run.config["command"] for trial in trials for run in trial.runs]
    return list(dict.fromkeys(commands))
