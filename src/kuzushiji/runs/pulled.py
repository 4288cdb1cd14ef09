"""Runs out of a repository: fetched once, and from then on runs like any other."""

import shutil
from pathlib import Path

from kuzushiji.errors import DataError, KuzushijiError
from kuzushiji.files import folder_written_whole
from kuzushiji.home import runs_folder
from kuzushiji.records import parse_json, read_json
from kuzushiji.repository import Repository
from kuzushiji.runs.config import RunConfig

CONFIGS = ("config.json", "detector.json")
"""What makes a folder a run, of characters or of a detector."""

FILES = (
    *(*CONFIGS, "metrics.jsonl", "model.safetensors", "predictions.npz", "predictions-validation.npz"),
    *("evaluation.json", "calibration.json", "model.onnx", "model.md", "detector.onnx", "detector.md"),
)
"""What is taken of a run; a stranger's page, or anything else that a repository may hold, is not."""


def pulled_run(found: Repository) -> Path:
    """The folder of the run that a repository holds, among the runs; it is named by owner, name and commit.

    Raises:
        DownloadError: as in `Repository.fetched`.
        DataError: it holds no run.
    """
    pinned = found.pinned()
    path = runs_folder() / f"{pinned.name.replace('/', '--')}-{pinned.revision[:12]}"
    if any((path / config).is_file() for config in CONFIGS):
        return path
    folder = pinned.fetched(*FILES)
    _check(pinned, folder)
    try:
        with folder_written_whole(path) as beside:
            for name in FILES:
                if (folder / name).is_file():
                    shutil.copyfile(folder / name, beside / name)
    except KuzushijiError:
        if not path.is_dir():  # else another process was faster, with the same
            raise
    return path


def exported_alone(found: Repository, name: str = "model.onnx") -> Path | None:
    """The exported file of a repository that holds no run; None if it holds one, or no such file.

    Raises:
        DownloadError: as in `Repository.fetched`.
    """
    folder = found.fetched(*CONFIGS, name)
    is_run = any((folder / config).is_file() for config in CONFIGS)
    return folder / name if not is_run and (folder / name).is_file() else None


def _check(of: Repository, folder: Path) -> None:
    """Refuses what is no run, before it lies among the runs."""
    expected = "expected what `kuzushiji hub push RUN` puts there"
    try:
        if (config := folder / "config.json").is_file():
            read_json(config, RunConfig, tolerant=True)
        elif (detector := folder / "detector.json").is_file():
            parse_json(detector.read_bytes())
        else:
            raise DataError("it has neither config.json nor detector.json")
    except (DataError, ValueError) as error:
        raise DataError(f"{of.address} holds no run of kuzushiji ({error}); {expected}") from None
