"""What made a network say what it says: which pixels of a character, and what it sees where on a line or a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from kuzushiji.errors import DataError, UsageError
from kuzushiji.imaging.cut import to_square
from kuzushiji.imaging.read import read_gray
from kuzushiji.inference.outputs import as_input, as_tensor
from kuzushiji.models.activations import class_maps, every_class_map, map_method, peaks, takes_any_size
from kuzushiji.models.inspection import list_layers
from kuzushiji.runs.run import Run

FIRST = 6
"""How many test images are taken where none is named."""

MOST_BYTES = 2**31
"""What the maps of one layer may take: a network at full resolution has room for a line, not for a page."""

SURE = 0.5
"""How probable a character must be at a place of a page to be seen there."""


@dataclass(frozen=True, eq=False)
class Picture:
    """An image as a network takes it.

    Attributes:
        name: of the file, or the number of the test image.
        pixels: uint8 (H, W), ink bright on black.
        actual: the character, where it is known.
        scale: pixels of the file for one of these, the same in both directions.
        left, top: pixels of the file by which these begin before it.
    """

    name: str
    pixels: NDArray[np.uint8]
    actual: str | None = None
    scale: float = 1.0
    left: int = 0
    top: int = 0

    def in_file(self, x: float, y: float) -> tuple[float, float]:
        """A place in the pixels of the file."""
        return x * self.scale - self.left, y * self.scale - self.top


@dataclass(frozen=True)
class Peak:
    """A place that stands out; `x` and `y` in pixels of the file, `value` in the unit of the map."""

    x: float
    y: float
    value: float

    def to_dict(self) -> dict[str, float]:
        """As JSON has it."""
        return {"x": round(self.x, 1), "y": round(self.y, 1), "value": round(self.value, 4)}


@dataclass(frozen=True, eq=False)
class Evidence:
    """What speaks for one class in an image: a map (h, w), positive where something does, and where it stands out."""

    character: str
    probability: float
    map: NDArray[np.float32]
    peaks: Sequence[Peak]


@dataclass(frozen=True, eq=False)
class Explanation:
    """What a network says of an image of one character, and why."""

    picture: Picture
    method: str
    evidence: Sequence[Evidence]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it, without the maps."""
        return {
            "image": self.picture.name,
            "actual": self.picture.actual,
            "method": self.method,
            "classes": [
                {
                    "character": each.character,
                    "probability": round(each.probability, 6),
                    "peaks": [peak.to_dict() for peak in each.peaks],
                }
                for each in self.evidence
            ],
        }


@dataclass(frozen=True, eq=False)
class PageExplanation:
    """What a network sees on a line or a page.

    Attributes:
        picture: the page, brought to the size at which its characters are as large as those of the training.
        sureness: (h, w), the probability of the likeliest of the classes that were looked for.
        seen: each place that stands out, with the character that is likeliest there; the surest first.
    """

    picture: Picture
    sureness: NDArray[np.float32]
    seen: Sequence[tuple[str, Peak]]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it, without the map."""
        return {
            "image": self.picture.name,
            "seen": [{"character": character, **peak.to_dict()} for character, peak in self.seen],
        }


def read_ink(path: Path) -> NDArray[np.uint8]:
    """An image file as gray with bright ink, uint8 (H, W): it is inverted if most of it is bright.

    Raises:
        DataError: it can't be read or is no image.
    """
    try:
        gray = read_gray(path)
    except DataError as error:
        raise DataError(f"{path} {error}") from None
    return 255 - gray if np.median(gray) > 127 else gray


def picture_of(path: Path, side: int) -> Picture:
    """An image file of one character, brought to (side, side).

    Raises:
        DataError: it can't be read or is no image.
    """
    ink = read_ink(path)
    height, width = ink.shape
    longer = max(height, width)
    return Picture(path.name, to_square(ink, side), None, longer / side, (longer - width) // 2, (longer - height) // 2)


def pictures_of_test(run: Run, numbers: Sequence[int] = ()) -> list[Picture]:
    """Test images of a run by their numbers, from 0; the first ones if there are none.

    Raises:
        UsageError: there is no such image, or there are none at all.
        DataError: the data of the run is missing or damaged.
    """
    data = run.images("test")
    for number in numbers:
        if not 0 <= number < len(data):
            raise UsageError(f"there is no test image {number}; they go from 0 to {len(data) - 1}")
    chosen = numbers or range(min(FIRST, len(data)))
    return [Picture(str(number), data.images[number], data.classes[data.labels[number]]) for number in chosen]


def explain_character(
    network: nn.Module, classes: Sequence[str], picture: Picture, labels: Sequence[int] = (), top: int = 3
) -> Explanation:
    """Finds what in an image speaks for some classes.

    Args:
        network: in evaluation mode, with convolutions.
        classes: the characters it knows, in the order of its labels.
        picture: of the size it takes.
        labels: classes to look for; the `top` likeliest if there are none.

    Raises:
        UsageError: the network has no convolution.
    """
    batch = as_batch(picture)
    with torch.inference_mode():
        probabilities = network(batch)[0].softmax(0).numpy()
    chosen = list(labels) or np.argsort(-probabilities, kind="stable")[:top].tolist()
    evidence = []
    for label, surface in zip(chosen, class_maps(network, batch, chosen)[0].numpy(), strict=True):
        high = peaks(surface, least=max(float(surface.max()) / 2, 1e-6), apart=2)
        places = [_peak(picture, surface, place) for place in high]
        evidence.append(Evidence(classes[label], float(probabilities[label]), surface, places))
    return Explanation(picture, map_method(network), evidence)


def explain_page(
    network: nn.Module,
    classes: Sequence[str],
    path: Path,
    character_size: int,
    side: int,
    labels: Sequence[int] = (),
) -> PageExplanation:
    """Finds what a network sees where on a line or a page.

    At each point of its maps the network has an opinion of what it sees around it.  That it was trained on characters
    which stand alone, and not on what lies between them, shows in what it sees there.

    Args:
        network: in evaluation mode; one that takes images of any size.
        classes: the characters it knows, in the order of its labels.
        path: an image file.
        character_size: how many pixels high a character is on it, more or less.
        side: height in pixels of the characters that the network was trained on.
        labels: classes to look for; all if there are none.

    Raises:
        UsageError: the network takes no other size than it was trained with, or the page is too large for it.
        DataError: the file can't be read or is no image.
    """
    if not takes_any_size(network):
        raise UsageError(
            "this network takes images of one size alone; lines and pages need one without dense layers, such as "
            "fcn_strided or resnet"
        )
    picture = _page_of(path, character_size, side)
    _check_room(network, picture)
    surfaces = every_class_map(network, as_batch(picture))[0].softmax(0)
    if labels:
        surfaces = surfaces[list(labels)]
    highest, which = (each.numpy() for each in surfaces.max(0))
    # Two characters are at least half a character apart.
    apart = max(1.0, side / 2 * highest.shape[0] / picture.pixels.shape[0])
    named = list(labels) or range(len(classes))
    seen = [
        (classes[named[int(which[place])]], _peak(picture, highest, place)) for place in peaks(highest, SURE, apart)
    ]
    return PageExplanation(picture, highest, seen)


def as_batch(picture: Picture) -> Tensor:
    """A picture as networks take it: float (1, 1, H, W) between 0 and 1."""
    return as_input(as_tensor(picture.pixels[None]), torch.device("cpu"))


def _page_of(path: Path, character_size: int, side: int) -> Picture:
    """A page whose characters are brought to the size of those of the training, its paper black, its ink white."""
    ink = read_ink(path)
    scale = character_size / side
    size = max(1, round(ink.shape[1] / scale)), max(1, round(ink.shape[0] / scale))
    resized = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC)).astype(np.float32)
    paper, brush = np.median(resized), np.quantile(resized, 0.98)
    # The grain of the paper is not ink.
    strength = (resized - paper) / max(float(brush - paper), 16.0)
    return Picture(path.name, (255 * np.clip((strength - 0.2) / 0.8, 0, 1)).astype(np.uint8), scale=scale)


def _check_room(network: nn.Module, picture: Picture) -> None:
    height, width = picture.pixels.shape
    largest = max(4 * int(np.prod(layer.output_shape)) for layer in list_layers(network, (height, width)))
    if largest > MOST_BYTES:
        raise UsageError(
            f"{picture.name} is {width} x {height} pixels where its characters are as large as those of the training: "
            f"a layer of this network would need {largest / 2**30:.1f} GiB; cut the page into lines, or take a network "
            "whose maps shrink, such as fcn_strided"
        )


def _peak(picture: Picture, surface: NDArray[np.float32], place: tuple[int, int]) -> Peak:
    """A point of a map in the pixels of the file: the middle of the part of the image that it stands for."""
    (row, column), (rows, columns) = place, surface.shape
    height, width = picture.pixels.shape
    x, y = picture.in_file((column + 0.5) * width / columns, (row + 0.5) * height / rows)
    return Peak(x, y, float(surface[place]))
