"""Runs what a study asks for: each trial with each seed is an ordinary run folder.

What is finished is not trained again, what was cut off is resumed, and a trial that fails does not keep the others
from being trained, but for those that start from it.
"""

import hashlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kuzushiji.data import datasets
from kuzushiji.data.splits import check_cut_off
from kuzushiji.errors import Diverged, Interrupted, KuzushijiError, RunError, UsageError
from kuzushiji.files import file_hash, write_text
from kuzushiji.home import home
from kuzushiji.inference.device import choose_device
from kuzushiji.inference.predict import predict_run
from kuzushiji.interruption import interruptible
from kuzushiji.machine import describe_machine
from kuzushiji.runs.recipe import named_recipe
from kuzushiji.runs.run import Run, config_fingerprint, find_run
from kuzushiji.studies.definition import Study, Trial, check_networks
from kuzushiji.training.experiment import TrainingWatch, resume, train
from kuzushiji.training.loop import TrainingProgress
from kuzushiji.training.start import describe_start

FAILURE = "failure.txt"
"""Stands in the folder of a run that diverged and would diverge again, and says how."""

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Task:
    """One training: a trial with a seed.

    Attributes:
        label: of the trial.
        seed: of the recipe.
        path: the run folder.
        model, options, recipe_name, changes: as `kuzushiji.train` takes them; `changes` holds the seed too.
        data: name or path of the dataset.
        limit, image_size, device, cover, rare_below: likewise.
        teacher: whether it is trained for others to start from, and no more.
        start: the run folder that it starts from, which another task of the study may fill first; empty for none.
        weights: the file that it starts from, or `imagenet`; empty for none.
        unfrozen: as `kuzushiji.train` takes it.
        missing: what it can't be trained without; empty if nothing is known to be missing.
        mark: stands for all that decides its outcome.
    """

    label: str
    seed: int
    path: str
    model: str
    options: Mapping[str, Any]
    recipe_name: str
    changes: Mapping[str, Any]
    data: str
    limit: int | None
    image_size: int | None
    device: str
    cover: float | None = None
    rare_below: int | None = None
    teacher: bool = False
    start: str = ""
    weights: str = ""
    unfrozen: int | None = None
    missing: str = ""
    mark: str = ""

    @property
    def run(self) -> Run:
        """The run folder, whether it is there or not."""
        return Run(Path(self.path))


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        task: what was to be trained.
        failure: why there is no result; empty if there is one.
        missing: whether it was not trained at all, for want of what it would have started from.
    """

    task: Task
    failure: str = ""
    missing: bool = False

    @property
    def run(self) -> Run:
        return self.task.run


@dataclass(frozen=True)
class StudyWatch:
    """Functions that are told how a study goes; several trainings may be under way at once.

    Attributes:
        planned: gets all trainings of the study and those of them that are to be done, before the first.
        started: a training begins, or goes on.
        progress: called a few times a second for each training.
        epoch: gets the metrics of each epoch.
        ended: gets the outcome of each training.
    """

    planned: Callable[[list[Task], list[Task]], None] = lambda tasks, waiting: None
    started: Callable[[Task], None] = lambda task: None
    progress: Callable[[Task, TrainingProgress], None] = lambda task, progress: None
    epoch: Callable[[Task, dict[str, Any]], None] = lambda task, metrics: None
    ended: Callable[[Outcome], None] = lambda outcome: None


def study_folder(study: Study, data: str) -> Path:
    """Where a study keeps its runs and its answer unless it is told otherwise."""
    return home() / "studies" / f"{study.name}--{_slug(Path(data).name)}"


def run_study(
    study: Study,
    data: str,
    *,
    folder: Path | None = None,
    seeds: int | None = None,
    limit: int | None = None,
    image_size: int | None = None,
    cover: float | None = None,
    jobs: int = 1,
    device: str = "auto",
    watch: StudyWatch | None = None,
) -> list[Outcome]:
    """Trains all that a study asks for and that is not there yet.

    Args:
        study: what to train.
        data: name or path of a dataset with a test split.
        folder: where the run folders go, `study_folder` if None.
        seeds: train each trial with the seeds 0 to `seeds` - 1; as the study says if None.
        limit: train on so many images at most.
        image_size: bring the images to so many pixels a side; as the study says if None.
        cover: merge the classes beyond so large a share of the training images into one; as the study says if None.
        jobs: trainings side by side, each in a process of its own if there are several; they share the processor
            cores among them.
        device: `auto`, `cpu`, `cuda` or `mps`.
        watch: functions that are told how it goes.

    Returns:
        An outcome for each trial and seed, in the order of the study but for what others start from, which goes before
        them.  Teachers are trained once; ensembles are no trainings.

    Raises:
        UsageError: something in the study is wrong, or the data has no test split; nothing has been trained.
        DataError: the data is missing or damaged.
        RunError: another process runs this study.
        Interrupted: Ctrl-C or a request to terminate; the same call goes on.
    """
    watch = watch or StudyWatch()
    if jobs < 1:
        raise UsageError(f"{jobs} trainings side by side; expected at least 1")
    seeds = study.seeds if seeds is None else seeds
    if seeds < 1:
        raise UsageError(f"{seeds} seeds; expected at least 1")
    if limit is not None and limit < 1:
        raise UsageError(f"a limit of {limit} images; expected at least 1")
    image_size = study.image_size if image_size is None else image_size
    rare_below = study.rare_below if cover is None else None
    cover = study.cover if cover is None else cover
    check_cut_off(cover, rare_below)
    choose_device(device)
    if "test" not in datasets.splits(data):
        raise UsageError(f"{data} has no test split, on which a study measures; take other data")
    test = datasets.load(data, "test", image_size=image_size)
    check_networks(study, len(test.classes), test.image_size)
    folder = study_folder(study, data) if folder is None else folder
    common = _Common(folder, datasets.found_again(data), limit, image_size, cover, rare_below, device)
    tasks = _plan(study, seeds, common)
    with _alone(folder):
        known = {task.path: outcome for task in tasks if (outcome := _known_outcome(task))}
        waiting = [task for task in tasks if task.path not in known]
        watch.planned(tasks, waiting)
        if jobs == 1 or len(waiting) < 2:
            known |= _one_after_another(waiting, known, watch)
        else:
            known |= _side_by_side(waiting, known, jobs, watch)
    return [replace(known[task.path], task=task) for task in tasks]


def attempt(task: Task, watch: TrainingWatch) -> Outcome:
    """Trains, or goes on with what was cut off; whatever fails becomes part of the outcome.

    Raises:
        Interrupted: Ctrl-C or a request to terminate.
    """
    try:
        if task.run.finished:  # but its predictions were lost
            test = datasets.load(task.data, "test", image_size=task.image_size)
            predict_run(task.run, test, "test", task.device)
        elif (task.run.path / "config.json").exists():
            resume(task.run, device=task.device, watch=watch)
        else:
            if missing := _missing(task):
                return Outcome(task, missing, missing=True)
            train(
                task.model,
                task.data,
                recipe=task.recipe_name,
                run=task.run.path,
                device=task.device,
                limit=task.limit,
                image_size=task.image_size,
                cover=task.cover,
                rare_below=task.rare_below,
                predict_test=not task.teacher,
                model_options=task.options,
                from_run=task.start or None,
                weights=task.weights or None,
                unfrozen=task.unfrozen,
                watch=watch,
                **task.changes,
            )
        return Outcome(task)
    except Interrupted:
        raise
    except Diverged as error:
        write_text(task.run.path / FAILURE, f"{error}\n")
        return Outcome(task, str(error))
    except KuzushijiError as error:
        return Outcome(task, str(error))
    except MemoryError:
        return Outcome(task, "out of memory")
    except RuntimeError as error:  # PyTorch's way of telling that memory ran out, and much else
        return Outcome(task, (str(error).strip() or type(error).__name__).splitlines()[0])


def _missing(task: Task) -> str:
    """Why a training can't start from what it is to start from; empty if it can, or starts at random."""
    try:
        describe_start(task.model, task.start or None, task.weights or None, task.unfrozen)
    except KuzushijiError as error:
        return str(error).partition("\n\n")[0]  # without the way to fetch it by hand
    return ""


@dataclass(frozen=True)
class _Common:
    """What all trainings of a study have in common: see `run_study`."""

    folder: Path
    data: str
    limit: int | None
    image_size: int | None
    cover: float | None
    rare_below: int | None
    device: str


def _plan(study: Study, seeds: int, common: _Common) -> list[Task]:
    """A task for each trial and seed; what others start from goes before them."""
    tasks: dict[tuple[str, int], Task] = {}

    def planned(trial: Trial, seed: int) -> Task:
        key = trial.label, 0 if trial.teacher else seed
        if key not in tasks:
            before = planned(study.trial(trial.start), key[1]) if trial.start in study.labels else None
            tasks[key] = _task(trial, key[1], before, common)
        return tasks[key]

    for trial in study.trials:
        for seed in range(seeds if trial.model else 0):
            planned(trial, seed)
    return list(tasks.values())


def _task(trial: Trial, seed: int, before: Task | None, common: _Common) -> Task:
    recipe = trial.recipe.change(seed=seed)
    limits = [limit for limit in (trial.limit, common.limit) if limit is not None]
    task = Task(
        label=trial.label,
        seed=seed,
        path="",
        model=trial.model,
        options=dict(trial.options),
        recipe_name=trial.recipe_name,
        changes=replace(trial, recipe=recipe).changes(),
        data=datasets.found_again(trial.data) if trial.data else common.data,
        limit=min(limits, default=None),
        image_size=common.image_size,
        device=common.device,
        # Of other data other classes are rare, and of few classes perhaps some that matter.
        cover=None if trial.teacher else common.cover,
        rare_below=None if trial.teacher else common.rare_below,
        teacher=trial.teacher,
        weights=trial.weights,
        unfrozen=trial.unfrozen,
    )
    # Fields that are as here are left out, so that a field that is new in a later version changes no name.
    default = named_recipe("sgd").to_dict()
    decisive: dict[str, Any] = {
        "model": task.model,
        "options": dict(task.options),
        "recipe": {field: value for field, value in recipe.to_dict().items() if value != default[field]},
        "data": task.data,
        "limit": task.limit,
        "image_size": task.image_size,
    }
    more: dict[str, Any] = {"cover": task.cover, "rare_below": task.rare_below, "unfrozen": task.unfrozen}
    if before is not None:
        task, more["start"] = replace(task, start=before.path), before.mark
    elif trial.start:
        try:
            run = find_run(trial.start)
            task, more["start"] = replace(task, start=str(run.path.absolute())), config_fingerprint(run.config)
        except KuzushijiError:
            missing = f"there is neither a trial nor a run called {trial.start!r}"
            task, more["start"] = replace(task, missing=missing), trial.start
    elif trial.weights:
        file = Path(trial.weights).expanduser()
        more["weights"] = file_hash(file) if file.is_file() else trial.weights
    decisive |= {key: value for key, value in more.items() if value is not None}
    mark = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:8]
    path = _run_folder(common.folder, trial.label, seed, mark)
    return replace(task, path=str(path.absolute()), mark=mark)


def _run_folder(folder: Path, label: str, seed: int, mark: str) -> Path:
    """The folder of a run; the one that is there, should the trial have been called otherwise when it was made."""
    there = sorted(folder.glob(f"*-seed{seed}-{mark}"))
    return there[0] if there else folder / f"{_slug(label)}-seed{seed}-{mark}"


def _slug(text: str) -> str:
    """A text as the name of a folder."""
    return re.sub(r"[^\w.]+", "-", text).strip("-.")[:60] or "trial"


def _known_outcome(task: Task) -> Outcome | None:
    """The outcome of a training that has ended before."""
    if task.run.finished and (task.teacher or task.run.predictions_file().exists()):
        return Outcome(task)
    failure = task.run.path / FAILURE
    if failure.exists():
        return Outcome(task, failure.read_text(encoding="utf-8").strip())
    return None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds the study's folder, so that no other process runs the same study."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise RunError(f"another process runs the study in {folder}; wait for it, or choose another --output") from None
    except OSError as error:
        raise RunError(f"the folder {folder} can't be used: {error.strerror or error}") from error


def _held_up(task: Task, known: Mapping[str, Outcome]) -> Outcome | None:
    """The outcome of a training that has nothing to start from.

    Args:
        known: path -> outcome of the trainings that have ended, among them the one that it starts from.
    """
    if task.missing:
        return Outcome(task, task.missing, missing=True)
    before = known.get(task.start)
    if before is None or not before.failure:
        return None
    return Outcome(task, f"{before.task.label}, from which it starts, has no result ({before.failure})", missing=True)


def _one_after_another(tasks: list[Task], known: Mapping[str, Outcome], watch: StudyWatch) -> dict[str, Outcome]:
    done = dict(known)
    for task in tasks:
        watch.started(task)
        told = TrainingWatch(progress=partial(watch.progress, task), epoch=partial(watch.epoch, task))
        try:
            outcome = _held_up(task, done) or attempt(task, told)
        except (Interrupted, KeyboardInterrupt):
            raise _interrupted() from None
        done[task.path] = outcome
        watch.ended(outcome)
    return done


def _interrupted() -> Interrupted:
    return Interrupted("the study was interrupted; the same command goes on where it stopped")


def _side_by_side(tasks: list[Task], known: Mapping[str, Outcome], jobs: int, watch: StudyWatch) -> dict[str, Outcome]:
    """Trains in several processes, each of which does one training."""
    waiting = list(tasks)
    running: dict[str, _Worker] = {}
    done = dict(known)
    events: queue.Queue[tuple[str, dict[str, Any] | None]] = queue.Queue()
    threads = max(1, (describe_machine()["cores"] or 1) // min(jobs, len(tasks)))
    with interruptible() as stop:
        try:
            while running or (waiting and not stop.is_set()):
                while len(running) < jobs and not stop.is_set() and (task := _ready(waiting, running)):
                    waiting.remove(task)
                    watch.started(task)
                    if outcome := _held_up(task, done):
                        done[task.path] = outcome
                        watch.ended(outcome)
                    else:
                        running[task.path] = _Worker(task, threads, events)
                if stop.is_set():
                    for worker in running.values():
                        worker.ask_to_stop()
                if not running:
                    continue
                try:
                    path, event = events.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    continue
                if event is not None:
                    running[path].take(event, watch)
                    continue
                outcome = running.pop(path).outcome()
                if outcome is not None:
                    done[path] = outcome
                    watch.ended(outcome)
        finally:
            for worker in running.values():
                worker.process.kill()
    if stop.is_set():
        raise _interrupted()
    return done


def _ready(waiting: Sequence[Task], running: Collection[str]) -> Task | None:
    """The first training that need not wait for the one that it starts from."""
    unfinished = {task.path for task in waiting}.union(running)
    return next((task for task in waiting if task.start not in unfinished), None)


class _Worker:
    """A process that does one training (`kuzushiji.studies.worker`) and tells how it goes, a line of JSON an event.

    It stands in a session of its own, so that Ctrl-C reaches this process alone, which then asks it to stop.
    """

    def __init__(self, task: Task, threads: int, events: "queue.Queue[tuple[str, dict[str, Any] | None]]") -> None:
        self.task = task
        self.ended: dict[str, Any] | None = None
        self.asked = False
        # Python may buffer what a library prints, but each event is flushed.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kuzushiji.studies.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONIOENCODING": "utf-8"},
        )
        assert self.process.stdin is not None
        with suppress(OSError), self.process.stdin as stdin:  # it may have ended already; its outcome will tell
            stdin.write(json.dumps(asdict(task)))
        threading.Thread(target=self._read, args=(events,), daemon=True).start()

    def _read(self, events: "queue.Queue[tuple[str, dict[str, Any] | None]]") -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with suppress(ValueError):  # what a library printed
                    events.put((self.task.path, json.loads(line)))
        events.put((self.task.path, None))

    def take(self, event: dict[str, Any], watch: StudyWatch) -> None:
        """Passes on what the process told."""
        match event.pop("event"):
            case "progress":
                watch.progress(self.task, TrainingProgress(**event))
            case "epoch":
                watch.epoch(self.task, event)
            case "ended":
                self.ended = event

    def ask_to_stop(self) -> None:
        """Asks once: the training saves its state and ends; asked twice it would end at once."""
        if not self.asked:
            self.asked = True
            self.process.terminate()

    def outcome(self) -> Outcome | None:
        """How the training ended; None if it was asked to stop before."""
        code = self.process.wait()
        if self.ended is not None:
            return Outcome(self.task, self.ended["failure"], self.ended["missing"])
        if self.asked:
            return None
        reason = "; memory may have run out: try fewer --jobs" if code == -signal.SIGKILL else ""
        return Outcome(self.task, f"its process ended with code {code}{reason}")
