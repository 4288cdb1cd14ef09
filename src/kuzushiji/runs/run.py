"""The run folder: what a training leaves behind, and how it is found again.

A run folder holds

    config.json        data with hashes, network, recipe, versions, command, machine
    metrics.jsonl      a line an epoch
    last.ckpt          the state of an unfinished training, from which it resumes; removed as the last step
    model.safetensors  the weights, with classes and configuration in the metadata
    predictions.npz    what the network says of the test images; predictions-SPLIT.npz of others
    evaluation.json    the metrics computed from predictions.npz
    calibration.json   how far its certainty can be trusted, from the predictions of test and validation images
    outliers.npz       what the network makes of images of other things, where `evaluate --outliers` was asked for
    report.html        the report
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import Timeout

from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataError, KuzushijiError, RunError, UsageError, unknown_name
from kuzushiji.files import expanded, folder_written_whole, write_text
from kuzushiji.home import runs_folder
from kuzushiji.locks import FileLock
from kuzushiji.records import parse_json, read_json, write_json
from kuzushiji.repository import repository
from kuzushiji.runs.config import RunConfig
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.pulled import pulled_run

_FILES = (
    *("config.json", "detector.json", "metrics.jsonl", "last.ckpt", "model.safetensors", "predictions*.npz"),
    *("evaluation.json", "calibration.json", "outliers.npz", "report.html", "failure.txt"),
    *("model.onnx", "model.md", "detector.onnx", "detector.md", ".lock", ".*.part"),
)
"""What the files that are written into a run folder are called."""

_MEASURES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "lr", "images_per_second")

_UNHASHED = ("created", "command", "machine", "versions")


def best_epoch(epochs: list[dict[str, Any]], measure: str = "accuracy") -> int:
    """Number, from 1, of the first epoch with the highest measure on validation and, among equals, the lowest loss."""
    return max(epochs, key=lambda line: (line[f"validation_{measure}"], -line["validation_loss"]))["epoch"]


@dataclass(frozen=True)
class Run:
    """One training: a folder and what can be read from it.

    Attributes:
        path: the run folder.
    """

    path: Path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def address(self) -> str:
        """What finds it again from any folder: its name, or its path where it does not lie among the runs."""
        return self.name if self.path.parent == runs_folder() else str(self.path.resolve())

    @property
    def config_file(self) -> Path:
        """`config.json`."""
        return self.path / "config.json"

    @cached_property
    def config(self) -> RunConfig:
        """What was trained on what and how, from `config.json`.

        Raises:
            RunError: the file is missing or is no configuration.
        """
        try:
            return read_json(self.config_file, RunConfig, tolerant=True)
        except FileNotFoundError:
            raise RunError(f"{self.path} is no run folder: it has no config.json") from None
        except DataError as error:
            raise RunError(f"{error}; remove the run") from None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what decides the run's outcome: all that `config.json` says but time, command and machine."""
        _ = self.config  # which tells what is wrong with the file
        config = parse_json(self.config_file.read_bytes())
        decisive = {key: value for key, value in config.items() if key not in _UNHASHED}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One dictionary an epoch, from `metrics.jsonl`: `epoch` (from 1), `train_loss`, `train_accuracy`,
        `validation_loss`, `validation_accuracy` (None without validation images), `lr`, `seconds`,
        `images_per_second`.  Of a classical model, what is of training is None, and what it chose by itself comes
        besides, such as `gamma`.

        Raises:
            RunError: the file is damaged.
        """
        file = self.path / "metrics.jsonl"
        try:
            lines = [parse_json(line) for line in file.read_bytes().splitlines()]
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise RunError(f"{file} can't be read ({error})") from None
        if not all(map(_is_epoch, lines)):
            raise RunError(f"{file} has lines that are no epochs, with their times and numbers")
        return lines

    @property
    def kept(self) -> dict[str, Any] | None:
        """Of `metrics`, those of the epoch whose weights were kept; None before the first."""
        metrics = self.metrics
        if not metrics:
            return None
        choosing = self.config.recipe.keep == "best" and metrics[0].get("validation_accuracy") is not None
        return metrics[best_epoch(metrics) - 1] if choosing else metrics[-1]

    def write_metrics(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Writes `metrics.jsonl` anew."""
        write_text(self.path / "metrics.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))

    @property
    def weights_file(self) -> Path:
        """`model.safetensors`, which exists when the training is done."""
        return self.path / "model.safetensors"

    @property
    def checkpoint_file(self) -> Path:
        """`last.ckpt`, which exists until the training is done."""
        return self.path / "last.ckpt"

    @property
    def evaluation_file(self) -> Path:
        """`evaluation.json`."""
        return self.path / "evaluation.json"

    @property
    def report_file(self) -> Path:
        """`report.html`."""
        return self.path / "report.html"

    def predictions_file(self, split: str = "test") -> Path:
        """Where the predictions for a split, or for another dataset (`NAME-SPLIT`), are kept."""
        if split == "test":
            return self.path / "predictions.npz"
        return self.path / f"predictions-{split.replace(':', '-')}.npz"

    @property
    def finished(self) -> bool:
        """Whether the training came to its end."""
        return self.weights_file.exists() and not self.checkpoint_file.exists()

    def check_finished(self) -> None:
        """Raises:
        RunError: the training has not come to its end; the message says how to go on with it.
        """
        if not self.finished:
            raise RunError(f"{self.name} is not finished; go on with: kuzushiji train --resume {self.address}")

    @property
    def seconds(self) -> float:
        """How long the epochs took, with validation, in seconds."""
        return sum(line["seconds"] for line in self.metrics)

    def images(self, split: str = "test", *, check: bool = False) -> CharacterImages:
        """The images of a split again as they were: divided as then, of the size and with the classes that they had.

        Args:
            split: `train`, `validation` or `test`.
            check: whether they must still be the same, pixel by pixel.

        Raises:
            UsageError: there is no such split, or the run was given images that only its caller had.
            DataError: the data is missing or damaged.
            RunError: they are not the same any more.
        """
        from kuzushiji.runs.splits import check_same, images_of  # with all that reads data

        images = images_of(self.config, split)
        if check:
            check_same(self.config, split, images)
        return images

    def predictions(self, split: str = "test") -> Predictions:
        """What the network said of a split.

        Raises:
            DataError: it has not been asked yet, or the file is not whole.
        """
        return Predictions.load(self.predictions_file(split))

    def remove(self) -> list[str]:
        """Deletes the files that a run has, and the folder if nothing else is in it.

        Returns:
            The names of what was not of the run, and still lies in the folder.

        Raises:
            RunError: the folder holds no run, or one that is being trained, so nothing was deleted.
        """
        lock = FileLock(self.path / ".lock", timeout=0)
        try:
            names = self._own_files()
            with lock:
                for name in names:
                    (self.path / name).unlink(missing_ok=True)
            (self.path / ".lock").unlink(missing_ok=True)
            left = sorted(path.name for path in self.path.iterdir())
            if not left and not self.path.is_symlink():
                self.path.rmdir()
            return left
        except Timeout:
            raise RunError(f"{self.name} is being trained by another process; nothing was removed") from None
        except OSError as error:
            raise RunError(f"{self.path} could not be removed: {error.strerror or error}") from error

    def _own_files(self) -> list[str]:
        """The names of the files that a run has, that of its configuration last.

        Raises:
            RunError: the folder is not proved to be a run.
        """
        no_run = RunError(f"{self.path} is no run folder; nothing was removed")
        if not self.config_file.is_file() or self.config_file.is_symlink():
            raise no_run
        there = {path.name: path for path in self.path.iterdir()}
        own = [
            name
            for name, path in there.items()
            if any(fnmatchcase(name, pattern) for pattern in _FILES) and (path.is_symlink() or not path.is_dir())
        ]
        try:
            _ = self.config
        except RunError:  # a damaged one is removed where only runs lie, and if there is nothing else in it
            if self.path.parent != runs_folder() or set(there) != set(own):
                raise no_run from None
        return sorted(own, key=lambda name: (name == self.config_file.name, name))


def _is_epoch(line: Any) -> bool:
    """Whether it is a line of `metrics.jsonl`, with what every version wrote."""
    if not isinstance(line, dict) or not {"epoch", "seconds"} <= line.keys():
        return False
    measured = [value for name, value in line.items() if name in _MEASURES and value is not None]
    return all(type(line[name]) in (int, float) and abs(line[name]) < 2**63 for name in ("epoch", "seconds")) and all(
        type(value) in (int, float) for value in measured
    )


def run_path(run: str | Path | None, model: str, label: str) -> Path:
    """Where a run called `run` lies: a path is taken as it is, a plain name goes among the runs.

    Without a name, one is made of model, label of the data and time.
    """
    if run is None:
        made = f"{model}-{re.sub('[:/]', '-', label)}-{datetime.now():%Y%m%d-%H%M%S}"
        return _free(runs_folder() / made)
    if not isinstance(run, str | Path) or not str(run):
        raise UsageError(f"a run is called {run!r}; expected a name or a path")
    is_path = isinstance(run, Path) or "/" in run or "\\" in run or run in (".", "..")
    return expanded(run) if is_path else runs_folder() / run


def existing_path(name: str | Path) -> Path:
    """Where a run that is there lies: see `run_path`; `hf:OWNER/NAME` is fetched if it is not.

    Raises:
        DataError: the repository can't be fetched, or holds no run.
    """
    found = repository(name)
    return pulled_run(found) if found else run_path(name, "", "")


def new_run_path(run: str | Path | None, model: str, dataset: str) -> Path:
    """Where a new run called `run` is to lie: see `run_path`.

    Raises:
        UsageError: something is there already.
    """
    path = run_path(run, model, dataset)
    if _is_taken(path):
        raise _exists_already(path)
    return path


def _free(path: Path) -> Path:
    """The path, or where something is there already the path with a number."""
    free, number = path, 2
    while _is_taken(free):
        free, number = path.with_name(f"{path.name}-{number}"), number + 1
    return free


def _is_taken(path: Path) -> bool:
    """Whether something is there; an empty folder is nothing."""
    try:
        return path.is_symlink() or any(path.iterdir())
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _exists_already(path: Path) -> UsageError:
    return UsageError(
        f"{path} exists already; choose another --run name, or resume it with `kuzushiji train --resume {path}`"
    )


def create_run(path: Path, config: RunConfig, *, is_named: bool = True) -> Run:
    """Makes a new run folder, which has its configuration from the first moment.

    Args:
        is_named: whether it must be called so; otherwise a number is added where the name has been taken meanwhile.

    Raises:
        UsageError: something is there already.
    """
    return Run(claim_folder(path, "config.json", config.to_dict(), is_named=is_named))


def claim_folder(path: Path, file: str, config: Any, *, is_named: bool) -> Path:
    """Makes a folder with one JSON file in it in one step, so that of two processes one alone has it.

    Args:
        path: where; an empty folder may be there.
        file: the name of the file.
        config: what it holds.
        is_named: as in `create_run`.

    Returns:
        Where it is.

    Raises:
        UsageError: something is there already.
    """
    while True:
        try:
            with folder_written_whole(path) as beside:
                write_json(beside / file, config, indent=2)
            return path
        except KuzushijiError:
            if not _is_taken(path):
                raise
            if is_named:
                raise _exists_already(path) from None
            path = _free(path)


def all_runs(pattern: str = "*") -> list[Run]:
    """The runs under the runs folder whose names match a shell pattern, the newest last."""
    if not runs_folder().is_dir():
        return []
    found = [Run(path) for path in runs_folder().iterdir() if fnmatchcase(path.name, pattern)]
    made = {}
    for run in found:
        with suppress(OSError):  # it is no run, or was removed just now
            if stat.S_ISREG((status := run.config_file.stat()).st_mode):
                made[run] = (status.st_mtime, run.name)
    return sorted(made, key=lambda run: made[run])


def find_run(name: Run | str | Path) -> Run:
    """The run with this path, this name, or a name that begins so if there is only one; that of `hf:OWNER/NAME`; a run
    is itself.

    Raises:
        UsageError: there is none, or several begin so; the message names them.
        DataError: it can't be fetched.
    """
    if isinstance(name, Run):
        return name
    if not isinstance(name, str | Path) or not str(name):
        raise UsageError(f"a run is called {name!r}; expected its name or its path, or the run itself")
    path = existing_path(name)
    if os.path.isfile(path / "config.json"):  # which is said of no name that is too long
        return Run(path)
    names = [run.name for run in all_runs()]
    starting = [known for known in names if known.startswith(str(name))]
    if len(starting) == 1:
        return Run(runs_folder() / starting[0])
    if starting:
        raise UsageError(f"{len(starting)} runs begin with {str(name)!r}: {', '.join(starting)}; say which")
    if not names:
        raise UsageError(f"there is no run {str(name)!r}; no run has been made yet in {runs_folder()}")
    raise unknown_name("run", str(name), names)


def as_predictions(what: Predictions | Run | str | Path, on: str = "test") -> Predictions:
    """The predictions that are meant.

    Args:
        what: predictions themselves, or a finished run, its name or its path.
        on: of a run, which: `test`, `validation`, or `NAME-SPLIT` of other data that was predicted.

    Raises:
        UsageError: there is no such run.
        RunError: it is not finished.
        DataError: it has no such predictions, or the file is damaged; the message names the run.
    """
    if isinstance(what, Predictions):
        return what
    run = find_run(what)
    run.check_finished()
    try:
        return run.predictions(on)
    except DataError as error:
        raise DataError(f"{run.name}: {error}") from None
