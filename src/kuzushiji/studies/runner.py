"""Runs what a study asks for: each trial with each seed is an ordinary run folder.

What is finished is not trained again, what was cut off is resumed, and a trial that fails does not keep the others
from being trained, but for those that start from it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from filelock import Timeout

from kuzushiji.data.source import Source, parse
from kuzushiji.data.splits import check_cut_off
from kuzushiji.errors import Diverged, Interrupted, KuzushijiError, RunError, UsageError, check_whole_numbers
from kuzushiji.files import write_text
from kuzushiji.inference.device import choose_device
from kuzushiji.inference.predict import predict_run
from kuzushiji.interruption import interruptible
from kuzushiji.locks import FileLock
from kuzushiji.processes import Ended, Pool, Report, side_by_side
from kuzushiji.runs.run import Run
from kuzushiji.studies.checks import check_networks
from kuzushiji.studies.definition import Study
from kuzushiji.studies.plan import Common, Training, plan_trainings, study_folder
from kuzushiji.training.experiment import TrainingWatch, resume, train
from kuzushiji.training.session import TrainingProgress
from kuzushiji.training.start import describe_start
from kuzushiji.training.tracking import Tracking

FAILURE = "failure.txt"
"""Stands in the folder of a run that diverged and would diverge again, and says how."""

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        training: what was to be trained.
        failure: why there is no result; empty if there is one.
        missing: whether it was not trained at all, for want of what it would have started from.
    """

    training: Training
    failure: str = ""
    missing: bool = False

    @property
    def run(self) -> Run:
        return self.training.run


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

    planned: Callable[[list[Training], list[Training]], None] = lambda trainings, waiting: None
    started: Callable[[Training], None] = lambda training: None
    progress: Callable[[Training, TrainingProgress], None] = lambda training, progress: None
    epoch: Callable[[Training, dict[str, Any]], None] = lambda training, metrics: None
    ended: Callable[[Outcome], None] = lambda outcome: None


def run_study(
    study: Study,
    data: str | Path | Source,
    *,
    folder: Path | None = None,
    seeds: int | None = None,
    limit: int | None = None,
    image_size: int | None = None,
    cover: float | None = None,
    jobs: int = 1,
    device: str = "auto",
    pool: Pool | None = None,
    track: str | None = None,
    watch: StudyWatch | None = None,
) -> list[Outcome]:
    """Trains all that a study asks for and that is not there yet.

    Args:
        study: what to train.
        data: anything with a test split that `kuzushiji.load` takes.
        folder: where the run folders go, `study_folder` if None.
        seeds: train each trial with the seeds 0 to `seeds` - 1; as the study says if None.
        limit: train on so many images at most.
        image_size: bring the images to so many pixels a side; as the study says if None.
        cover: merge the classes beyond so large a share of the training images into one; as the study says if None.
        jobs: trainings side by side, each in a process of its own if there are several; they share the processor
            cores among them.
        device: `auto`, `cpu`, `cuda` or `mps`.
        pool: what has these processes, such as `Cluster.workers`, whose machines must share the folder; this machine
            if None.
        track: the tracker that each training is told to, as `Tracking` has it; none if None.
        watch: functions that are told how it goes.

    Returns:
        An outcome for each trial and seed, in the order of the study but for what others start from, which goes before
        them.  Pre-trainings are done once; ensembles are no trainings.

    Raises:
        UsageError: something in the study is wrong, or the data has no test split; nothing has been trained.
        DataError: the data is missing or damaged.
        RunError: another process runs this study.
        Interrupted: Ctrl-C or a request to terminate; the same call goes on.
    """
    watch = watch or StudyWatch()
    seeds = study.seeds if seeds is None else seeds
    check_whole_numbers({"jobs": jobs, "seeds": seeds, "limit": limit})
    image_size = study.image_size if image_size is None else image_size
    rare_below = study.rare_below if cover is None else None
    cover = study.cover if cover is None else cover
    check_cut_off(cover, rare_below)
    choose_device(device)
    Tracking(track)  # which tells what is missing for it
    source = parse(data)
    if "test" not in source.splits:
        raise UsageError(f"{source} has no test split, on which a study measures; take other data")
    test = source.load("test", image_size=image_size)
    check_networks(study, len(test.classes), test.image_size)
    folder = study_folder(study, source.label) if folder is None else folder
    common = Common(folder, source.address, limit, image_size, cover, rare_below, device)
    trainings = plan_trainings(study, seeds, common)
    with _alone(folder):
        known = {training.path: outcome for training in trainings if (outcome := _known_outcome(training))}
        waiting = [replace(training, track=track) for training in trainings if training.path not in known]
        watch.planned(trainings, waiting)
        if pool is None and (jobs == 1 or len(waiting) < 2):
            known |= _one_after_another(waiting, known, watch)
        elif waiting:
            known |= _side_by_side(waiting, known, min(jobs, len(waiting)), pool or side_by_side, watch)
    return [replace(known[training.path], training=training) for training in trainings]


def attempt(training: Training, watch: TrainingWatch) -> Outcome:
    """Trains, or goes on with what was cut off; whatever fails becomes part of the outcome.

    Raises:
        Interrupted: Ctrl-C or a request to terminate.
    """
    try:
        with Tracking(training.track) as tracking:
            return _trained(training, tracking.watch(watch))
    except Interrupted:
        raise
    except Diverged as error:
        write_text(training.run.path / FAILURE, f"{error}\n")
        return Outcome(training, str(error))
    except KuzushijiError as error:
        return Outcome(training, str(error))
    except MemoryError:
        return Outcome(training, "out of memory")
    except RuntimeError as error:  # PyTorch's way of telling that memory ran out, and much else
        return Outcome(training, (str(error).strip() or type(error).__name__).splitlines()[0])


def _trained(training: Training, watch: TrainingWatch) -> Outcome:
    if training.run.finished:  # but its predictions were lost
        test = parse(training.data).load("test", image_size=training.image_size)
        predict_run(training.run, test, "test", training.device)
    elif (training.run.path / "config.json").exists():
        resume(training.run, device=training.device, watch=watch)
    else:
        if missing := _missing(training):
            return Outcome(training, missing, missing=True)
        train(
            training.model,
            training.data,
            recipe=training.recipe_name,
            run=training.run.path,
            device=training.device,
            limit=training.limit,
            image_size=training.image_size,
            cover=training.cover,
            rare_below=training.rare_below,
            predict_test=not training.pretraining,
            model_options=training.options,
            from_run=training.start or None,
            weights=training.weights or None,
            unfrozen=training.unfrozen,
            watch=watch,
            **training.changes,
        )
    return Outcome(training)


def _missing(training: Training) -> str:
    """Why a training can't start from what it is to start from; empty if it can, or starts at random."""
    try:
        describe_start(training.model, training.start or None, training.weights or None, training.unfrozen)
    except KuzushijiError as error:
        return str(error).partition("\n\n")[0]  # without the way to fetch it by hand
    return ""


def _known_outcome(training: Training) -> Outcome | None:
    """The outcome of a training that has ended before."""
    if training.run.finished and (training.pretraining or training.run.predictions_file().exists()):
        return Outcome(training)
    failure = training.run.path / FAILURE
    if failure.exists():
        return Outcome(training, failure.read_text(encoding="utf-8").strip())
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


def _held_up(training: Training, known: Mapping[str, Outcome]) -> Outcome | None:
    """The outcome of a training that has nothing to start from.

    Args:
        known: path -> outcome of the trainings that have ended, among them the one that it starts from.
    """
    if training.missing:
        return Outcome(training, training.missing, missing=True)
    before = known.get(training.start)
    if before is None or not before.failure:
        return None
    return Outcome(
        training, f"{before.training.label}, from which it starts, has no result ({before.failure})", missing=True
    )


def _one_after_another(
    trainings: list[Training], known: Mapping[str, Outcome], watch: StudyWatch
) -> dict[str, Outcome]:
    done = dict(known)
    for training in trainings:
        watch.started(training)
        told = TrainingWatch(progress=partial(watch.progress, training), epoch=partial(watch.epoch, training))
        try:
            outcome = _held_up(training, done) or attempt(training, told)
        except (Interrupted, KeyboardInterrupt):
            raise _interrupted() from None
        done[training.path] = outcome
        watch.ended(outcome)
    return done


def _interrupted() -> Interrupted:
    return Interrupted("the study was interrupted; the same command goes on where it stopped")


def _side_by_side(
    trainings: list[Training], known: Mapping[str, Outcome], jobs: int, pool: Pool, watch: StudyWatch
) -> dict[str, Outcome]:
    """Trains in several processes, each of which does one training."""
    waiting, running, done = list(trainings), dict[str, Training](), dict(known)
    with interruptible() as stop, pool("training", jobs) as workers:
        while running or (waiting and not stop.is_set()):
            while len(running) < jobs and not stop.is_set() and (training := _ready(waiting, running)):
                waiting.remove(training)
                watch.started(training)
                if outcome := _held_up(training, done):
                    done[training.path] = outcome
                    watch.ended(outcome)
                else:
                    running[training.path] = training
                    workers.start(training.path, _attempt_elsewhere, training)
            if stop.is_set():
                workers.ask_to_stop()
            if not running or (told := workers.next(POLL_SECONDS)) is None:
                continue
            path, what = told
            match what:
                case TrainingProgress():
                    watch.progress(running[path], what)
                case dict():
                    watch.epoch(running[path], what)
                case Ended():
                    training = running.pop(path)
                    if isinstance(what.error, Interrupted):
                        stop.set()  # who asks one process to terminate means the study
                    elif not what.stopped:
                        done[path] = _here(what.result or Outcome(training, str(what.error)))
                        watch.ended(done[path])
    if stop.is_set():
        raise _interrupted()
    return done


def _here(outcome: Outcome) -> Outcome:
    """The outcome, unless its run is on another machine alone."""
    if outcome.failure or outcome.run.finished:
        return outcome
    return replace(outcome, failure=f"{outcome.run.path} is not in a folder that the machines of the cluster share")


def _attempt_elsewhere(report: Report, training: Training) -> Outcome:
    return attempt(training, TrainingWatch(progress=report, epoch=report))


def _ready(waiting: Sequence[Training], running: Collection[str]) -> Training | None:
    """The first training that need not wait for the one that it starts from."""
    unfinished = {training.path for training in waiting}.union(running)
    return next((training for training in waiting if training.start not in unfinished), None)
