"""`kuzushiji sweep`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from kuzushiji.cli.console import notes, print_json, print_table, results, work_bar
from kuzushiji.cli.options import NO_CHANGES, RecipeChanges, given, parsed_option, pool_of
from kuzushiji.errors import Interrupted, UsageError, whole_number
from kuzushiji.extras import check_extras
from kuzushiji.runs.config import ALL_IMAGES, ImageChoice

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from kuzushiji.processes import Pool
    from kuzushiji.sweep.results import SweepResult
    from kuzushiji.sweep.settings import Sweep
    from kuzushiji.sweep.storage import OpenSweep
    from kuzushiji.sweep.trials import SweepWatch
    from kuzushiji.training.session import TrainingProgress

LISTED = 10
"""How many of the best trials are printed."""


def sweep(
    model: Annotated[str | None, Parameter(show_default=False)] = None,
    /,
    *,
    data: str | None = None,
    search: tuple[str, ...] = (),
    trials: int | None = None,
    timeout: float | None = None,
    sampler: str | None = None,
    pruner: str | None = None,
    objective: str | None = None,
    jobs: int | None = None,
    name: str | None = None,
    resume: str | None = None,
    storage: str | None = None,
    cluster: str | None = None,
    keep_runs: bool = False,
    track: Literal["tensorboard", "trackio", "mlflow", "wandb"] | None = None,
    recipe: str | None = None,
    option: tuple[str, ...] = (),
    device: str = "auto",
    figures: Path | None = None,
    json: bool = False,
    images: Annotated[ImageChoice, Parameter(name="*")] = ALL_IMAGES,
    changes: Annotated[RecipeChanges, Parameter(name="*")] = NO_CHANGES,
) -> None:
    """Search for the best recipe, and the best options, of a network by training it again and again.

    Example: kuzushiji sweep resnet --data kmnist6k --search "lr=0.001..0.1 log" --search optimizer=sgd,adamw --epochs 8

    The trials are measured on validation images; the test images are not read.  At the end stands the command that
    trains the best of them, and measures it on the test images.  The same command in another terminal, or on another
    machine with the same --storage, works on the same sweep.

    Parameters
    ----------
    model
        A network, or a network with a recipe such as nn_1_sgd; or a TOML file that says the same as these options.
    data
        Anything that `kuzushiji train` takes.
    search
        A field of the recipe, or option.NAME for an option of the network, and what to try: "lr=0.001..0.1 log",
        "momentum=0.8..0.99", "batch_size=32..256 step 32", "optimizer=sgd,adamw", "option.width=16,32,64".
        Given once for each field.
    trials
        How many trials the sweep is to have in all; if not given 20, and with the sampler grid all combinations.
    timeout
        Begin no trial after so many seconds.
    sampler
        How the next trial is chosen: tpe (as if not given), random, grid, gp, cmaes, qmc or nsgaii.
    pruner
        Which trials are ended early: median (as if not given), successive_halving, hyperband or none.
    objective
        What makes a trial the best: accuracy (as if not given) or loss, of the validation images.
    jobs
        Train so many networks side by side: 1 if not given; with --cluster, one a GPU, or one a machine without any.
    name
        The sweep's name; made of network, data and time if not given.
    resume
        Go on with the sweep of this name, or write its report anew; --trials can ask for more.
    storage
        Keep the trials in this database, which several machines can share, such as sqlite:////mnt/shared/sweeps.db
        or postgresql+psycopg://user:password@host/database; a file in the sweep's folder if not given.
    cluster
        Train on the machines of a Ray, which share the folder of KUZUSHIJI_HOME: auto for the one that runs on this
        machine, or HOST:PORT of its head.
    keep_runs
        Keep the run folder of each trial that came to its end, not of the best alone.
    track
        Where to send settings and curves of each trial as well (docs/tracking.md); with --resume, say it again.
    recipe
        The name of a recipe to start from.
    option
        An option that all trials share as NAME=VALUE; may be given several times.
    device
        auto, cpu, cuda or mps.
    figures
        A folder to write every figure into as well: an SVG that follows the reader's light or dark, a PNG for either.
    json
        Print all trials and what follows from them as JSON.
    """
    named = {"data": data, "sampler": sampler, "pruner": pruner, "objective": objective, "recipe": recipe}
    said = {key: value for key, value in named.items() if value is not None} | given(images)
    fixed = given(changes)
    run: dict[str, Any] = {"trials": trials, "timeout": timeout, "jobs": jobs}
    if resume is not None:
        if model or said or fixed or search or option or name:
            raise UsageError("--resume goes on as the sweep began; it takes no network, data, search or recipe")
        name, settings = resume, None
    else:
        settings, from_file = _settings(model, said, search, dict(map(parsed_option, option)), fixed)
        name = name or from_file.get("name") or _made_name(settings)
        run = {key: from_file.get(key) if value is None else value for key, value in run.items()}
    _check_run(**run)
    if figures is not None and figures.exists() and not figures.is_dir():
        raise UsageError(f"{figures} is a file; name a folder for the figures")

    check_extras("train", "sweep")
    from kuzushiji.inference.device import choose_device
    from kuzushiji.sweep.storage import open_sweep, storage_errors
    from kuzushiji.training.tracking import Tracking

    Tracking(track)  # which tells what is missing for it
    choose_device(device)
    if settings is not None:
        settings.check_data()
    with storage_errors():
        opened = open_sweep(name, settings, storage, say=lambda text: notes.print(text, soft_wrap=True))
        if settings is None:
            opened.settings.check_data()
        request = {"trials": run["trials"], "timeout": run["timeout"], "device": device, "keep_runs": keep_runs}
        request["track"] = track
        try:
            with pool_of(cluster, run["jobs"]) as (pool, jobs):
                _search(opened, jobs, storage, request, pool)
        except Interrupted:
            _finish(opened, figures, json=False, quiet=True)
            raise
        _finish(opened, figures, json)


def _settings(
    model: str | None,
    said: dict[str, Any],
    search: tuple[str, ...],
    options: dict[str, Any],
    fixed: dict[str, Any],
) -> tuple[Sweep, dict[str, Any]]:
    """What is searched, and what a file says beyond it; what the command line says goes before the file."""
    from kuzushiji.sweep.settings import Sweep, read_file
    from kuzushiji.sweep.space import parse_assignment

    searched: dict[str, str] = {}
    for field, values in map(parse_assignment, search):
        if field in searched:
            raise UsageError(f"--search names {field} twice")
        searched[field] = values
    file = read_file(Path(model)) if model is not None and model.endswith(".toml") else {}
    beyond: dict[str, Any] = {key: file.pop(key) for key in ("name", "trials", "timeout", "jobs") if key in file}
    entries = {"model": model, **file, **said} if not file else {**file, **said}
    entries["search"] = {**file.get("search", {}), **searched}
    entries["options"] = {**file.get("options", {}), **options}
    entries["fixed"] = {**file.get("fixed", {}), **fixed}
    if not (entries.get("model") and entries.get("data") and entries["search"]):
        raise UsageError(
            "say which network to train on which data, and what to search, such as: "
            'kuzushiji sweep resnet --data kmnist6k --search "lr=0.001..0.1 log"'
        )
    return Sweep(**entries), beyond


def _made_name(settings: Sweep) -> str:
    dataset = settings.source.label.replace(":", "-")
    return f"{settings.model}-{dataset}-{datetime.now():%Y%m%d-%H%M%S}"


def _check_run(trials: int | None, timeout: float | None, jobs: int | None) -> None:
    if trials is not None:
        whole_number("--trials", trials)
    if timeout is not None and not timeout > 0:
        raise UsageError(f"--timeout is {timeout:g}; it must be above 0 seconds")
    if jobs is not None and not 1 <= jobs <= 256:
        raise UsageError(f"--jobs is {jobs}; it must be from 1 to 256")


def _search(opened: OpenSweep, jobs: int, storage: str | None, request: dict[str, Any], pool: Pool | None) -> None:
    """Runs the trials, with a bar on a terminal and a line for each trial everywhere."""
    from kuzushiji.processes import side_by_side
    from kuzushiji.sweep.trials import most_trials, run_trials
    from kuzushiji.sweep.workers import run_workers

    most = most_trials(opened, request["trials"])
    with _watched(opened, most) as (watch, look):
        if jobs == 1 and pool is None:
            run_trials(opened, watch=watch, **request)
        else:
            run_workers(opened, min(jobs, most), storage, request, look, pool or side_by_side)


@contextmanager
def _watched(opened: OpenSweep, most: int) -> Iterator[tuple[SweepWatch, Callable[[], None]]]:
    """What shows how a sweep goes: a watch for trials in this process, and a look at those in others."""
    from kuzushiji.sweep.results import objective_text, params_text
    from kuzushiji.sweep.trials import UNDER_WAY, SweepWatch, best_trial
    from kuzushiji.training.experiment import TrainingWatch

    bar = work_bar()
    done = {trial.number for trial in opened.trials(*UNDER_WAY) if trial.state.is_finished()}
    task = bar.add_task("", total=most, completed=len(done), note="")
    notes.print(f"sweep {opened.name}: {len(done)} of {most} trials done", markup=False, soft_wrap=True)

    def show(part: float = 0.0, doing: str = "") -> None:
        """Moves the bar; `part` is how much of the trials under way is done."""
        bar.update(task, completed=len(done) + part, description=f"{len(done)} of {most} trials{doing}")

    def ended(trial: FrozenTrial) -> None:
        done.add(trial.number)
        best = best_trial(opened)
        if trial.state.name == "PRUNED":
            end = "diverged" if trial.user_attrs.get("ended") else f"ended early, after epoch {trial.last_step}"
        else:
            end = "the best so far" if best is not None and best.number == trial.number else ""
        value = objective_text(opened.settings, trial.value)
        line = f"trial {trial.number:>3}  {value:>7}  {params_text(trial.params)}  {end}"
        notes.print(line.rstrip(), markup=False, soft_wrap=True)
        if best is not None:
            bar.update(task, note=f"best {objective_text(opened.settings, best.value)}")
        show()

    def progress(now: TrainingProgress) -> None:
        show(now.done / now.total, f", epoch {now.epoch}/{now.epochs}")

    def look() -> None:
        for trial in opened.trials(*UNDER_WAY):
            if trial.state.is_finished() and trial.number not in done:
                ended(trial)

    show()
    with bar:
        yield SweepWatch(ended=ended, training=TrainingWatch(progress=progress)), look


def _finish(opened: OpenSweep, figures: Path | None, json: bool, quiet: bool = False) -> None:
    """Writes what the sweep has found so far, and prints it."""
    from kuzushiji.report.sweep import write_figures, write_page
    from kuzushiji.sweep.results import sweep_result

    result = sweep_result(opened)
    if not result.trials:
        return
    page = write_page(result, opened.folder)
    if figures is not None:
        count = len(write_figures(result, figures))
        notes.print(f"{count} figures written to {figures}", markup=False, soft_wrap=True)
    if json:
        print_json(result.to_dict() | {"report": str(page)})
    elif not quiet:
        _print(result, page)


def _print(result: SweepResult, page: Path) -> None:
    from kuzushiji.sweep.results import objective_text, param_text

    sign = -1 if result.settings.direction == "maximize" else 1
    best = sorted(result.of("finished"), key=lambda trial: (sign * trial.score, trial.number))[:LISTED]
    names = [field.name for field in result.settings.space]
    if best:
        print_table(
            ["trial", f"validation {result.settings.objective}", *names],
            [
                (
                    trial.number,
                    objective_text(result.settings, trial.value),
                    *(param_text(trial.params[name]) for name in names),
                )
                for trial in best
            ],
            right=range(2 + len(names)),
        )
    results.print(result.conclusion, markup=False)
    if result.best is not None:
        results.print("\nTo train the best and measure it on the test images:")
        results.print(result.best.command or "", markup=False, soft_wrap=True)
    results.print(f"\nreport  {page}", markup=False, soft_wrap=True)
