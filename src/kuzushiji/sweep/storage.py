"""Where the trials of a sweep are kept, so that several processes and machines can share it.

A sweep is a folder:

    journal.log     the trials, in Optuna's journal: a line for whatever happens, so that nothing is lost by a crash
    storage.txt     instead of it, the address of the database that keeps them
    trials/0007/    the run folder of a trial while it is trained, and of the best one
    trials/0007.lock    held by the process that trains it
    claim.lock      held while the next trial is chosen
    sweep.json, report.html     what came of it
"""

import json
import os
import random
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from kuzushiji.errors import KuzushijiError, UsageError, unknown_name
from kuzushiji.files import write_text
from kuzushiji.home import home
from kuzushiji.locks import FileLock
from kuzushiji.records import as_plain, from_plain, parse_json
from kuzushiji.sweep.settings import Sweep
from kuzushiji.sweep.space import Choices, Dimension

try:
    import optuna
except ModuleNotFoundError as error:
    if error.name != "optuna":
        raise
    raise KuzushijiError("a sweep needs Optuna, which comes with: pip install 'kuzushiji[sweep]'") from None

from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

UNDER_WAY = (TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED)
"""States of a trial that counts: one that failed or waits does not."""


@dataclass(frozen=True)
class OpenSweep:
    """A sweep whose storage is open.

    Attributes:
        name: the name of the folder, and of Optuna's study.
        folder: what is kept of it on this machine.
        settings: what is searched and how.
        study: Optuna's study.
        storage: what the study is kept in.
    """

    name: str
    folder: Path
    settings: Sweep
    study: optuna.Study
    storage: BaseStorage

    @property
    def claim_lock(self) -> FileLock:
        """To be held while the next trial is chosen."""
        return FileLock(self.folder / "claim.lock")

    def trial_folder(self, number: int) -> Path:
        """The run folder of a trial."""
        return self.folder / "trials" / f"{number:04d}"

    @property
    def is_local(self) -> bool:
        """Whether the trials are kept in the folder, so that whoever works on the sweep sees all of it."""
        return isinstance(self.storage, JournalStorage)

    def lock_file(self, number: int) -> Path:
        """What the process that trains a trial holds, so that the others see whether it still lives."""
        return self.folder / "trials" / f"{number:04d}.lock"

    def trial_lock(self, number: int) -> FileLock:
        """The lock of a trial, which is not waited for."""
        return FileLock(self.lock_file(number), timeout=0)

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """The trials in these states, or all, in the order of their numbers."""
        return self.study.get_trials(deepcopy=False, states=states or None)

    def trial_id(self, number: int) -> int:
        """What a storage that keeps several sweeps calls the trial of this number."""
        study = self.storage.get_study_id_from_name(self.name)
        return self.storage.get_trial_id_from_study_id_trial_number(study, number)

    def trial_now(self, number: int) -> FrozenTrial:
        """What the storage has of a trial at this moment."""
        return self.storage.get_trial(self.trial_id(number))


def sweeps_folder() -> Path:
    """Where the sweeps lie, a folder each."""
    return home() / "sweeps"


def sweep_folder(name: str) -> Path:
    """The folder of a sweep of this name.

    Raises:
        UsageError: it is no name for a folder.
    """
    if not re.fullmatch(r"[^\s/\\.][^/\\\x00-\x1f]*", name):
        raise UsageError(f"{name!r} is no name for a sweep; expected a plain name such as resnet-lr, without slashes")
    return sweeps_folder() / name


def open_sweep(
    name: str,
    settings: Sweep | None = None,
    storage: str | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> OpenSweep:
    """Opens a sweep, or begins it where there is none of this name.

    Args:
        name: the name of its folder.
        settings: what it searches; None to take up one that is there.
        storage: address of a database, such as `sqlite:////mnt/shared/sweeps.db` or
            `postgresql+psycopg://user:password@host/sweeps`; a file in the sweep's folder if None.
        say: is told in a line where the end of that file was cut off, and is mended.

    Raises:
        UsageError: there is none of this name to take up; or there is one, but it searches something else.
        KuzushijiError: the storage can't be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # what it would tell, this package tells itself
    folder = sweep_folder(name)
    if storage is not None and "://" not in storage:
        raise UsageError(
            f"the storage {storage!r} is no address; expected one such as sqlite:////mnt/shared/sweeps.db or "
            "postgresql+psycopg://user:password@host/database"
        )
    if settings is None and storage is None and not folder.is_dir():
        there = [path.name for path in sweeps_folder().iterdir()] if sweeps_folder().is_dir() else []
        raise (
            unknown_name("sweep", name, there)
            if there
            else UsageError(f"there is no sweep {name!r}; no sweep has been begun yet in {sweeps_folder()}")
        )
    try:
        (folder / "trials").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KuzushijiError(f"the folder {folder} could not be made: {error.strerror}") from None
    with FileLock(folder / "claim.lock"), storage_errors():
        opened = _storage(folder, storage, say)
        found = _settings_of(name, opened)
        if settings is None and found is None:
            raise UsageError(f"there is no sweep {name!r} in {folder}; begin it by saying what to search")
        if found is not None:
            if settings is not None and (differences := settings.differences(found)):
                raise UsageError(
                    f"the sweep {name} is another one: its {'; its '.join(differences)}. "
                    f"Choose another --name, or go on with it: kuzushiji sweep --resume {name}"
                )
            settings = settings or found
        assert settings is not None
        study = optuna.create_study(
            study_name=name,
            storage=opened,
            direction=settings.direction,
            sampler=optuna.samplers.RandomSampler(),
            pruner=_pruner(settings),
            load_if_exists=True,
        )
        if found is None:
            study.set_user_attr("kuzushiji", as_plain(settings))
        sweep = OpenSweep(name, folder, settings, study, opened)
        if settings.sampler == "grid":
            _queue_grid(sweep)
        return sweep


def take_sampler(sweep: OpenSweep) -> None:
    """Gives the study the sampler for its next trial.

    Its seed is made from the recipe's and from the number of the trial, so that processes side by side do not draw
    the same, and a sweep that was interrupted goes on as if nothing had happened.

    Raises:
        KuzushijiError: the sampler needs a package that is not installed.
    """
    settings, number = sweep.settings, len(sweep.trials())
    seed = int(np.random.SeedSequence([settings.base.seed, number]).generate_state(1)[0])
    samplers: Mapping[str, Any] = {
        "tpe": optuna.samplers.TPESampler,
        "random": optuna.samplers.RandomSampler,
        "grid": optuna.samplers.RandomSampler,  # whose trials are queued already
        "gp": optuna.samplers.GPSampler,
        "cmaes": optuna.samplers.CmaEsSampler,
        "qmc": optuna.samplers.QMCSampler,
        "nsgaii": optuna.samplers.NSGAIISampler,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sweep.study.sampler = samplers[settings.sampler](seed=seed)
    except ModuleNotFoundError as error:
        raise KuzushijiError(f"the sampler {settings.sampler} needs {error.name}: pip install {error.name}") from None


def suggest(trial: optuna.Trial, dimension: Dimension) -> Any:
    """The value of one field in a trial."""
    if isinstance(dimension, Choices):
        return trial.suggest_categorical(dimension.name, dimension.values)
    if isinstance(dimension.low, int):
        step = 1 if dimension.step is None else int(dimension.step)
        return trial.suggest_int(dimension.name, dimension.low, int(dimension.high), step=step, log=dimension.log)
    return trial.suggest_float(dimension.name, dimension.low, dimension.high, step=dimension.step, log=dimension.log)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turns the errors of a database that goes away into one that says so."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise KuzushijiError(
            f"the storage of the sweep failed: {reason}. Nothing that it had noted is lost; go on with --resume"
        ) from None
    except json.JSONDecodeError as error:
        raise KuzushijiError(f"the storage of the sweep is damaged: a line of it is no JSON ({error})") from None


def _storage(folder: Path, address: str | None, say: Callable[[str], None]) -> BaseStorage:
    """Opens the storage that is asked for, else the one that the folder names."""
    journal, noted = folder / "journal.log", folder / "storage.txt"
    if address is None and noted.exists():
        address = noted.read_text(encoding="utf-8").strip()
        if ":***@" in address:
            raise UsageError(f"this sweep is kept at {address}; give --storage with its password, which is not noted")
    if address is None:
        try:
            # Its other lock is a symbolic link, which not every file system has.
            lock = JournalFileOpenLock(str(journal))
            lock.acquire()
            try:
                _mend(journal, say)
            finally:
                lock.release()
            return JournalStorage(JournalFileBackend(str(journal), lock))
        except Exception as error:  # of many kinds, assertions among them
            raise KuzushijiError(f"{journal} can't be read as the trials of a sweep ({error!r})") from None
    if journal.exists():
        raise UsageError(
            f"the trials of this sweep are kept in {journal}; leave out --storage, or choose another --name"
        )
    hidden = re.sub(r"(?<=:)[^:/@]*(?=@)", "***", address)
    try:
        # A database in a file makes those wait that would write at the same time.
        waits = {"connect_args": {"timeout": 60}} if address.startswith("sqlite") else {}
        opened = RDBStorage(address, engine_kwargs=waits)
    except Exception as error:  # each database has its own
        reason = str(error).splitlines()[0]
        raise KuzushijiError(f"the storage {hidden} can't be opened: {reason}") from None
    write_text(noted, f"{hidden}\n")
    return opened


def _mend(journal: Path, say: Callable[[str], None]) -> None:
    """Ends a journal where its last whole line ends; a full disk, a kill or a power cut may have torn the one after it.

    To be called while nobody writes into it.
    """
    if not journal.exists():
        return
    with open(journal, "r+b") as file:
        whole = 0
        for line in file:
            whole += len(line) if line.endswith(b"\n") else 0
        file.seek(whole)
        if not (torn := file.read()):
            return
        try:
            parse_json(torn)
            file.write(b"\n")  # which was all that was missing
        except ValueError:
            file.truncate(whole)
            say(f"the last line of {journal} was cut off and is taken out; what it noted is done again")
        file.flush()
        os.fsync(file.fileno())


def _settings_of(name: str, storage: BaseStorage) -> Sweep | None:
    """What the sweep of this name in a storage searches, None if there is none.

    Raises:
        UsageError: there is a study of this name that is no sweep of ours.
    """
    try:
        study_id = storage.get_study_id_from_name(name)
    except KeyError:
        return None
    settings = storage.get_study_user_attrs(study_id).get("kuzushiji")
    if settings is None:
        if isinstance(storage, JournalStorage) and not storage.get_all_trials(study_id):
            return None  # the process that began it got no further
        raise UsageError(f"the storage has a study {name!r} that is no sweep of kuzushiji; choose another --name")
    return from_plain(settings, Sweep, where=f"the settings of the sweep {name}")


def _pruner(settings: Sweep) -> optuna.pruners.BasePruner:
    """The pruner; none judges a trial in the first fifth of its epochs, in which one_cycle still climbs."""
    epochs = settings.most_epochs
    first = max(1, epochs // 5)
    pruners = optuna.pruners
    if settings.pruner == "median":
        return pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=first)
    if settings.pruner == "successive_halving":
        return pruners.SuccessiveHalvingPruner(min_resource=first)
    if settings.pruner == "hyperband":
        return pruners.HyperbandPruner(min_resource=first, max_resource=max(epochs, first))
    return pruners.NopPruner()


def _queue_grid(sweep: OpenSweep) -> None:
    """Puts every combination that is not there yet, or that failed, into the queue."""
    names = [dimension.name for dimension in sweep.settings.space]
    taken = (trial.params | _queued_values(trial) for trial in sweep.trials(*UNDER_WAY, TrialState.WAITING))
    there = {tuple(values.get(name) for name in names) for values in taken}
    combinations = list(product(*(dimension.grid() for dimension in sweep.settings.space)))
    random.Random(sweep.settings.base.seed).shuffle(combinations)
    for combination in combinations:
        if combination not in there:
            sweep.study.enqueue_trial(dict(zip(names, combination, strict=True)))


def _queued_values(trial: FrozenTrial) -> dict[str, Any]:
    """The values that a trial was put into the queue with, for which Optuna has a name that is its own.

    Raises:
        KuzushijiError: Optuna keeps them elsewhere.
    """
    attributes = trial.system_attrs
    values = attributes.get("fixed_params") if isinstance(attributes, dict) else None
    if not isinstance(values, dict):
        raise KuzushijiError(
            f"Optuna {optuna.__version__} keeps the trials of a grid in another way than Optuna 5.0, which kuzushiji "
            "knows; install that: pip install 'optuna==5.0'"
        )
    return {name: value for name, value in values.items() if isinstance(value, str | int | float)}
