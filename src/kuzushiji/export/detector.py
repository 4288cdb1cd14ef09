"""`export_detector`: a finished training of a detector -> an ONNX file, checked before it is kept."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.data.source import parse
from kuzushiji.errors import RunError, UsageError, unknown_name
from kuzushiji.export.card import AND, credited_in
from kuzushiji.export.graph import PRECISIONS, open_model, traced, with_metadata, with_precision
from kuzushiji.exported import DetectorDescription, open_detector
from kuzushiji.files import written_whole
from kuzushiji.imaging.ink import CHARACTER
from kuzushiji.inference.weights import load_detector
from kuzushiji.models.detector import ROLES, Detector
from kuzushiji.runs.detector import RECIPE, DetectorConfig, DetectorRun, exported_start
from kuzushiji.version import __version__

FOUND_ABOVE = 0.35
"""A character stands where a heat map has more than this, unless something else is asked for."""

CHECKED_SIZES = ((1, 64, 96), (2, 96, 32), (1, 320, 320))
"""Batches and sizes of images on which the file must compute what the network does."""

TOLERANCE = {"float32": 1e-3, "float16": 0.02, "int8": 0.3}
"""By how much a probability may differ from the network's, by the precision of the weights."""


@dataclass(frozen=True)
class ExportedDetector:
    """What was written.

    Attributes:
        path: the ONNX file.
        bytes: its size.
        description: what it says of itself.
        config: how it was trained.
        sources: the catalogued datasets that it learnt from.
        differs: by how much its probabilities differ from the network's at most, on images of noise.
    """

    path: Path
    bytes: int
    description: DetectorDescription
    config: DetectorConfig
    sources: tuple[catalog.Dataset, ...]
    differs: float


def export_detector(
    run: DetectorRun,
    output: Path | None = None,
    *,
    precision: str = "float16",
    found_above: float = FOUND_ABOVE,
    credit: Sequence[str] = (),
) -> ExportedDetector:
    """Writes a trained detector as one ONNX file that `Reader` reads with.

    Args:
        run: a finished training.
        output: the file, with the ending .onnx; `detector.onnx` in the run folder if None.
        precision: how the weights are stored: `float32`, `float16` or `int8`.
        found_above: a character stands where a heat map has more than this.
        credit: catalogued datasets that the pages were made from: their licence and attribution go with the file.

    Raises:
        UsageError: the file has another ending, a name is unknown, or `found_above` is not between 0 and 1.
        RunError: the run is not finished, or the file does not compute what the network does; nothing was written.
    """
    output = output or run.path / "detector.onnx"
    if output.suffix != ".onnx":
        raise UsageError(f"{output} has the ending {output.suffix!r}; expected .onnx")
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    if not 0 < found_above < 1:
        raise UsageError(f"found_above is {found_above:g}; it must lie between 0 and 1")
    run.check_finished()
    network, config = load_detector(run.weights_file)
    published = [source for name in config.glyphs for source in parse(name).published]
    found = {each.name: each for each in [*map(catalog.dataset, credit), *published]}
    if file := exported_start(config):
        found |= {each.name: each for each in credited_in(open_detector(file)[0].attribution)}
    sources = tuple(found.values())
    probabilities = _Probabilities(network).eval()
    model = with_precision(_to_onnx(probabilities), precision)
    differs = _difference(model, probabilities)
    if differs > TOLERANCE[precision]:
        raise RunError(
            f"in {precision} its probabilities differ from the network's by {differs:.2g}, {TOLERANCE[precision]:g} is "
            "allowed; nothing was written. Try float16, or float32"
        )
    description = DetectorDescription(
        network="detector",
        dataset="+".join(Path(each).name for each in config.pages),
        roles=ROLES,
        character_size=CHARACTER,
        found_above=found_above,
        precision=precision,
        licence=", ".join(dict.fromkeys(source.licence for source in sources)),
        licence_url=sources[0].licence_url if sources else "",
        attribution=AND.join(dict.fromkeys(source.attribution for source in sources)),
        command=command_of_detector(config),
        version=__version__,
        width=config.width,
        depth=config.depth,
    )
    content = with_metadata(model, description.to_metadata())
    with written_whole(output) as beside:
        beside.write_bytes(content)
        open_detector(beside)  # as whoever reads with it will
    return ExportedDetector(output, len(content), description, config, sources, differs)


def command_of_detector(config: DetectorConfig) -> str:
    """The command that trains such a detector; folders are called by their names, and not where they lie."""
    words = ["kuzushiji", "train", "detector"]
    for flag, values in (("data", config.pages), ("glyphs", config.glyphs), ("papers", config.papers)):
        for value in values:
            words += [f"--{flag}", Path(value).name]
    words += ["--layouts", Path(config.layouts).name]
    if config.regions:
        words += ["--regions", Path(config.regions).name]
    if config.start:
        words += ["--from", Path(config.start).name]
    plain = DetectorConfig((), "", ())
    for name in ("held_out", "width", "depth", "crops", "side", "drawn"):
        if getattr(config, name) != getattr(plain, name):
            words += [f"--{name.replace('_', '-')}", str(getattr(config, name))]
    for name in ("epochs", "batch_size", "lr", "ema", "seed"):
        if getattr(config.recipe, name) != getattr(RECIPE, name):
            words += [f"--{name.replace('_', '-')}", str(getattr(config.recipe, name))]
    return shlex.join(words)


def commands_of_detector(config: DetectorConfig) -> list[str]:
    """The commands that train such a detector: first those that make what it starts from, each into a run."""
    if not config.start or exported_start(config):
        return [command_of_detector(config)]
    before = DetectorRun(Path(config.start))
    try:
        earlier = commands_of_detector(before.config)
    except RunError:  # it has been removed
        return [command_of_detector(config)]
    return [*earlier[:-1], f"{earlier[-1]} --run {before.name}", command_of_detector(config)]


class _Probabilities(nn.Module):
    """A detector whose heat maps are probabilities."""

    def __init__(self, network: Detector) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.network(images)
        return maps.heat.sigmoid(), maps.boxes


def _to_onnx(network: nn.Module) -> onnx.ModelProto:
    batch, rows, columns = (torch.export.Dim(name, min=1, max=1024) for name in ("batch", "rows", "columns"))
    free = {0: batch, 2: 32 * rows, 3: 32 * columns}
    return traced(network, torch.zeros(2, 1, 96, 128), ["heat", "boxes"], free)


def _difference(model: onnx.ModelProto, network: nn.Module) -> float:
    """The greatest difference of a probability from the network's."""
    session = open_model(model)
    generator = torch.Generator().manual_seed(0)
    found = []
    for batch, height, width in CHECKED_SIZES:
        images = torch.rand(batch, 1, height, width, generator=generator)
        with torch.no_grad():
            expected, _ = network(images)
        heat, _ = session.run(["heat", "boxes"], {"images": images.numpy()})
        found.append(float(np.abs(expected.numpy() - heat).max()))
    return max(found)
