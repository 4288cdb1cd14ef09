"""`DetectorRun`: the folder that the training of a detector leaves behind.

It holds

    detector.json      what was trained on what and how: data, network, recipe, versions, command, machine
    metrics.jsonl      a line an epoch
    last.ckpt          the state of an unfinished training, from which it resumes; removed as the last step
    model.safetensors  the weights, with `detector.json` in the metadata
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from kuzushiji.errors import DataError, RunError, UsageError
from kuzushiji.exported import open_detector
from kuzushiji.files import expanded
from kuzushiji.machine import Machine
from kuzushiji.records import read_json
from kuzushiji.repository import repository
from kuzushiji.runs.pulled import exported_alone
from kuzushiji.runs.recipe import Recipe
from kuzushiji.runs.run import Run, existing_path
from kuzushiji.shipped import DETECTOR

RECIPE = Recipe(
    epochs=5,
    batch_size=8,
    optimizer="muon",
    lr=5e-3,
    weight_decay=0.02,
    warmup=0.1,
    label_smoothing=0.0,
    validation_fraction=0.0,
    ema=0.998,
)
"""How a detector is trained unless something else is asked for; what it says of classes and of augmentation is idle."""


@dataclass(frozen=True)
class DetectorConfig:
    """What a detector was trained from.

    Attributes:
        pages: folders of pages whose characters are boxed.
        layouts: table of boxes from which pages are drawn.
        glyphs: names of the datasets that drawn pages take their characters from.
        regions: folder of pages whose lines and pictures are boxed; empty for none.
        papers: folders of pages of which only the paper is taken.
        held_out: the fold of books that is not trained on, such as `1of3`; `all` of them; empty for none.
        books: those of the pages that it was trained on.
        books_held_out: those of the pages that it was not trained on.
        width, depth: of the network, as `Detector` has them.
        crops: in an epoch.
        side: of a crop in pixels.
        drawn: share of the crops that come from drawn pages.
        start: what it started from: the folder of a run, an exported file, or the detector that ships by its name;
            empty for random weights.
        recipe: how it was trained.
        fingerprint: SHA-256 of names, sizes and times of change of what it was trained on.
        parameters: how many numbers are trained.
        versions: of kuzushiji, torch, numpy and Python.
        machine: that trained it.
        created: when it began, ISO 8601.
    """

    pages: tuple[str, ...]
    layouts: str
    glyphs: tuple[str, ...]
    regions: str = ""
    papers: tuple[str, ...] = ()
    held_out: str = ""
    books: tuple[str, ...] = ()
    books_held_out: tuple[str, ...] = ()
    width: int = 32
    depth: int = 2
    crops: int = 4000
    side: int = 320
    drawn: float = 0.6
    start: str = ""
    recipe: Recipe = RECIPE
    fingerprint: str = ""
    parameters: int = 0
    versions: Mapping[str, str] | None = None
    machine: Machine = field(default_factory=Machine)
    created: str = ""


@dataclass(frozen=True)
class DetectorRun(Run):
    """The training of a detector: a folder and what can be read from it.

    Attributes:
        path: the folder.
    """

    @property
    def config_file(self) -> Path:
        """`detector.json`."""
        return self.path / "detector.json"

    @cached_property
    def config(self) -> DetectorConfig:  # type: ignore[override]
        """What was trained on what and how, from `detector.json`.

        Raises:
            RunError: the file is missing or is no configuration.
        """
        try:
            return read_json(self.config_file, DetectorConfig, tolerant=True)
        except FileNotFoundError:
            raise RunError(f"{self.path} is no training of a detector: it has no detector.json") from None
        except DataError as error:
            raise RunError(f"{error}; remove the run") from None


def started_from(config: DetectorConfig, name: str | Path) -> DetectorConfig:
    """A training that starts from another, and so with the same network.

    Args:
        name: name or path of a finished run; else `detector`, the one that ships, or an exported file.
            `hf:OWNER/NAME` is a run or an exported file.

    Raises:
        UsageError: there is no such file.
        RunError: there is no such run, or it is not finished.
        DataError: the file is no detector.
    """
    found = repository(name)
    file = exported_alone(found, "detector.onnx") if found else None
    if file is None and str(name).endswith(".onnx"):
        file = expanded(name)
        if not file.is_file():
            raise UsageError(f"{file} does not exist; `kuzushiji export RUN --output {name}` writes such a file")
    run = DetectorRun(existing_path(name)) if file is None else None
    if run and str(name) == DETECTOR.stem and not run.config_file.exists():
        file = DETECTOR
    if file is not None:
        described, _ = open_detector(file)
        start = DETECTOR.stem if file == DETECTOR else str(file.absolute())
        return replace(config, start=start, width=described.width, depth=described.depth)
    assert run is not None
    run.check_finished()
    return replace(config, start=str(run.path.resolve()), width=run.config.width, depth=run.config.depth)


def exported_start(config: DetectorConfig) -> Path | None:
    """The exported file that a training starts from; None if it starts from a run or from nothing."""
    file = DETECTOR if config.start == DETECTOR.stem else Path(config.start)
    return file if file.suffix == ".onnx" else None
