"""The trials of a sweep, one after the other, until there are enough."""

import math
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import optuna
import torch
from filelock import Timeout
from optuna.trial import FrozenTrial, TrialState

from kuzushiji.errors import Diverged, Interrupted, RunError, UsageError
from kuzushiji.locks import FileLock
from kuzushiji.records import as_plain
from kuzushiji.runs.run import Run
from kuzushiji.runs.splits import Splits
from kuzushiji.sweep.space import written
from kuzushiji.sweep.storage import UNDER_WAY, OpenSweep, suggest, take_sampler
from kuzushiji.training import experiment
from kuzushiji.training.experiment import TrainingWatch
from kuzushiji.training.tracking import Tracking

DEFAULT_TRIALS = 20


@dataclass(frozen=True)
class SweepWatch:
    """Functions that are told how a sweep goes.

    Attributes:
        ended: gets each trial when it has come to its end or was ended early.
        training: watches the training of each trial.
    """

    ended: Callable[[FrozenTrial], None] = lambda trial: None
    training: TrainingWatch = field(default_factory=TrainingWatch)


def run_trials(
    sweep: OpenSweep,
    *,
    trials: int | None = None,
    timeout: float | None = None,
    device: str = "auto",
    keep_runs: bool = False,
    track: str | None = None,
    watch: SweepWatch | None = None,
) -> None:
    """Runs trials until the sweep has enough, together with whoever else works on it.

    A trial that was interrupted or killed on this machine is taken up first.  One whose training diverges, or needs
    more memory than there is, counts as ended early.  The test images are not read.

    Of the trials that came to their end, the best keeps its run folder; of all others the numbers are kept, in the
    storage.

    Args:
        sweep: what `open_sweep` gave.
        trials: how many trials the sweep is to have in all, those that were ended early among them; if None as many as
            it was to have before, else the whole of a grid, or 20 with another sampler.
        timeout: begin no trial after so many seconds.
        device: `auto`, `cpu`, `cuda` or `mps`.
        keep_runs: keep the run folder of every trial that came to its end.
        track: the tracker that each training is told to, as `Tracking` has it; none if None.
        watch: functions that are told how it goes.

    Raises:
        Interrupted: Ctrl-C; the trial under way is taken up when the sweep goes on.
        KuzushijiError: the trials can't go on; the message says why.
    """
    watch = watch or SweepWatch()
    most = most_trials(sweep, trials)
    sweep.study.set_user_attr("trials", most)
    deadline = math.inf if timeout is None else time.monotonic() + timeout
    try:
        while time.monotonic() < deadline:
            with sweep.claim_lock:
                claimed = _abandoned(sweep) or _next(sweep, most)
            if claimed is None:
                return
            trial, lock = claimed
            try:
                _run(sweep, trial, device, track, watch.training)
                _tidy(sweep, keep_runs)
            finally:
                lock.release()
            sweep.lock_file(trial.number).unlink(missing_ok=True)  # it is over; nobody will ask for it
            watch.ended(sweep.trial_now(trial.number))
    except (Interrupted, KeyboardInterrupt):
        raise Interrupted(
            f"the sweep was interrupted; nothing is lost. Go on with: kuzushiji sweep --resume {sweep.name}"
        ) from None


def most_trials(sweep: OpenSweep, trials: int | None) -> int:
    """How many trials a sweep is to have in all, where so many were asked for."""
    asked = trials or sweep.study.user_attrs.get("trials")
    if sweep.settings.sampler != "grid":
        return asked or DEFAULT_TRIALS
    combinations = math.prod(dimension.count() for dimension in sweep.settings.space)
    return min(asked or combinations, combinations)


def best_trial(sweep: OpenSweep) -> FrozenTrial | None:
    """The best of the trials that came to their end, the first of equals; None if none did."""
    sign = -1 if sweep.settings.direction == "maximize" else 1
    ended = sweep.trials(TrialState.COMPLETE)
    return min(ended, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)


# Which trial is next.  All of it happens while the claim lock is held.

Claimed = tuple[optuna.Trial, FileLock]
"""A trial, and the lock, held, that says that somebody works on it."""


def _abandoned(sweep: OpenSweep) -> Claimed | None:
    """A trial that was begun here and that nobody works on any more."""
    for trial in sweep.trials(TrialState.RUNNING):
        lock = sweep.trial_lock(trial.number)
        # In a database that several machines share, a trial without a lock here is another machine's.
        if sweep.is_local or sweep.lock_file(trial.number).exists():
            with suppress(Timeout):
                lock.acquire()
                return _drawn(sweep, optuna.Trial(sweep.study, sweep.trial_id(trial.number))), lock
    return None


def _next(sweep: OpenSweep, most: int) -> Claimed | None:
    """A new trial; None if there are enough."""
    if len(sweep.trials(*UNDER_WAY)) >= most:
        return None
    take_sampler(sweep)
    if sweep.settings.sampler == "grid":
        trial = _queued(sweep)
        if trial is None:
            return None
    else:
        trial = sweep.study.ask()
    lock = sweep.trial_lock(trial.number)
    lock.acquire()
    return _drawn(sweep, trial), lock


def _queued(sweep: OpenSweep) -> optuna.Trial | None:
    """The first combination of a grid that nobody has taken, also of those who do not hold the same lock."""
    for trial in sweep.trials(TrialState.WAITING):
        number = sweep.trial_id(trial.number)
        with suppress(optuna.exceptions.UpdateFinishedTrialError):
            if sweep.storage.set_trial_state_values(number, state=TrialState.RUNNING):
                return optuna.Trial(sweep.study, number)
    return None


def _drawn(sweep: OpenSweep, trial: optuna.Trial) -> optuna.Trial:
    """The trial with a value for every field."""
    for dimension in sweep.settings.space:
        suggest(trial, dimension)
    return trial


# A trial


def _run(sweep: OpenSweep, trial: optuna.Trial, device: str, track: str | None, watch: TrainingWatch) -> None:
    """Trains the network of a trial, or goes on with it, and tells the storage what came of it.

    Any other error than those that are the trial's own, such as a full disk, leaves it to be taken up again.
    """
    run = Run(sweep.trial_folder(trial.number))
    try:
        with Tracking(track, sweep.name) as tracking:
            value = _trained(sweep, trial, run, device, tracking.watch(watch))
    except optuna.TrialPruned:
        _give_up(sweep, trial, run, TrialState.PRUNED)
    except (Diverged, MemoryError, torch.OutOfMemoryError) as error:
        # Not as failed: of failed trials the sampler learns nothing, and would draw the like again.
        _give_up(sweep, trial, run, TrialState.PRUNED, str(error) or "out of memory")
    except UsageError as error:
        _give_up(sweep, trial, run, TrialState.FAIL, str(error))
        values = ", ".join(f"{name}={written(value)}" for name, value in trial.params.items())
        raise UsageError(f"trial {trial.number} ({values}) can't be trained: {error}") from None
    else:
        sweep.study.tell(trial, value)


def _trained(sweep: OpenSweep, trial: optuna.Trial, run: Run, device: str, watch: TrainingWatch) -> float:
    """Trains the network of a trial, or goes on with it; gives what the trial is measured by.

    Raises:
        TrialPruned: the pruner ended it.
        Diverged: there is nothing to measure.
    """
    reported = set(sweep.trial_now(trial.number).intermediate_values)
    epochs = 0

    def started(of: Run, splits: Splits) -> None:
        nonlocal epochs
        epochs = of.config.recipe.epochs
        _check_images(sweep, of)
        trial.set_user_attr("command", of.config.command)
        trial.set_user_attr("parameters", of.config.model.parameters)
        watch.started(of, splits)

    def epoch(metrics: dict[str, Any]) -> None:
        # Also those that were measured, but not reported, before the process was killed.
        for line in run.metrics:
            if line["epoch"] not in reported:
                trial.report(_objective(sweep, line), line["epoch"])
                reported.add(line["epoch"])
        watch.epoch(metrics)
        if metrics["epoch"] < epochs and trial.should_prune():
            raise optuna.TrialPruned

    if not run.finished:
        watching = replace(watch, started=started, epoch=epoch)
        if (run.path / "config.json").exists():
            experiment.resume(run, device=device, watch=watching)
        else:
            shutil.rmtree(run.path, ignore_errors=True)
            settings = sweep.settings
            experiment.train(
                settings.model,
                settings.data,
                recipe=settings.recipe,
                run=run.path,
                device=device,
                limit=settings.limit,
                image_size=settings.image_size,
                cover=settings.cover,
                rare_below=settings.rare_below,
                predict_test=False,
                model_options=settings.model_options(trial.params),
                watch=watching,
                **settings.recipe_changes(trial.params),
            )
    kept = run.kept
    assert kept is not None
    value = _objective(sweep, kept)
    if not math.isfinite(value):
        raise Diverged(f"the validation loss became {value}")
    trial.set_user_attr("kept", kept)
    trial.set_user_attr("seconds", run.seconds)
    return value


def _objective(sweep: OpenSweep, metrics: dict[str, Any]) -> float:
    return metrics[f"validation_{sweep.settings.objective}"]


def _check_images(sweep: OpenSweep, run: Run) -> None:
    """Notes on which images the first trial was trained and measured; checks that the others have the same.

    Raises:
        UsageError: there are no validation images.
        RunError: the images are not the same.
    """
    images = as_plain(run.config.data.splits)
    if "validation" not in images:
        raise UsageError("there are no validation images to compare trials on; set --validation-fraction, such as 0.1")
    first = sweep.study.user_attrs.get("images")
    if first is None:
        sweep.study.set_user_attr("images", images)
    elif first != images:
        raise RunError(f"the images of {sweep.settings.data} are not those with which the sweep began; begin another")


def _give_up(sweep: OpenSweep, trial: optuna.Trial, run: Run, state: TrialState, why: str = "") -> None:
    """Ends a trial that has no value and leaves nothing of its run folder."""
    trial.set_user_attr("ended", why)
    trial.set_user_attr("seconds", run.seconds)
    sweep.study.tell(trial, state=state)
    shutil.rmtree(run.path, ignore_errors=True)


def _tidy(sweep: OpenSweep, keep_runs: bool) -> None:
    """Removes the run folders of trials that are not the best; none of them can become the best again."""
    if keep_runs:
        return
    best = best_trial(sweep)
    for trial in sweep.trials(TrialState.COMPLETE):
        if best is not None and trial.number != best.number:
            shutil.rmtree(sweep.trial_folder(trial.number), ignore_errors=True)
