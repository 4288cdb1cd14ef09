"""What made a network say what it says: which pixels of a character, and what it sees where on a line or a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor, nn

from kuzushiji.characters import from_codepoint
from kuzushiji.errors import DataError, UsageError, unknown_name
from kuzushiji.imaging.cut import find_character, in_the_middle
from kuzushiji.imaging.ink import ink_of_page, scaled
from kuzushiji.imaging.read import read_gray
from kuzushiji.imaging.rules import Rules, find_rules
from kuzushiji.imaging.scan import read_character
from kuzushiji.inference.outputs import as_input, as_tensor
from kuzushiji.inference.weights import load_network
from kuzushiji.models.activations import (
    class_maps,
    every_class_map,
    feature_maps,
    map_method,
    peaks,
    takes_any_size,
)
from kuzushiji.models.inspection import list_layers
from kuzushiji.runs.config import RunConfig
from kuzushiji.runs.run import Run, find_run

FIRST = 6
"""How many test images are taken where none is named."""

MOST_BYTES = 2**31
"""What the maps of one layer may take: a network at full resolution has room for a line, not for a page."""

MAPS = 59
"""How many feature maps of a layer are shown, which with the image fill six rows of ten."""

SURE = 0.9
"""How probable a character must be at a place of a page to be seen there; less is reached between characters too."""

INKED = (0.06, 0.5)
"""Where a character stands, this share of what is around is ink: less is paper, more a picture, a shadow or an edge."""

_CELL = 3
"""Paper and ink of a page are measured in parts of so many characters a side."""


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
    left: float = 0
    top: float = 0

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


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """What a layer makes of an image.

    Attributes:
        picture: the image.
        layer: its name.
        shape: of all its maps, (C, h, w).
        numbers: of the maps that vary most, rising.
        maps: these maps, (K, h, w).
    """

    picture: Picture
    layer: str
    shape: tuple[int, ...]
    numbers: Sequence[int]
    maps: NDArray[np.float32]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it, of each map its lowest and highest value."""
        maps = [
            {"map": number, "lowest": round(float(each.min()), 4), "highest": round(float(each.max()), 4)}
            for number, each in zip(self.numbers, self.maps, strict=True)
        ]
        return {"image": self.picture.name, "layer": self.layer, "shape": list(self.shape), "maps": maps}


def picture_of(path: Path, side: int) -> Picture:
    """An image file of one character, brought to (side, side) as `Recognizer` has it; black if it is blank.

    Raises:
        DataError: it can't be read, is no image, or shows a page.
    """
    scan = read_character(path, str(path))
    image = Image.fromarray(scan.gray)
    found = find_character(image)
    if found is None:
        return Picture(path.name, np.zeros((side, side), np.uint8))
    (left, top, right, bottom), ink = found
    longer = max(right - left, bottom - top)
    pixels = in_the_middle(ink.of(image.crop((left, top, right, bottom))), (side, side))
    before = (((longer - right + left) // 2 - left) * scan.scale, ((longer - bottom + top) // 2 - top) * scan.scale)
    return Picture(path.name, pixels, None, longer * scan.scale / side, *before)


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


def explain(
    run: Run | str | Path, *images: str | Path | int, classes: Sequence[str] = (), top: int = 3
) -> list[Explanation]:
    """Finds what in images of characters speaks for some classes.

    A fully convolutional network has a map for each class; one that ends in a mean over its maps has class activation
    maps (Zhou et al. 2016), any other with convolutions has HiResCAM (Draelos and Carin 2020).

    Args:
        run: a finished run of a network with convolutions, its name or its path.
        images: image files, or numbers of test images of the run; its first ones if there are none.
        classes: characters to look for, or their code points, such as `U+304A`; the `top` likeliest if there are none.

    Raises:
        UsageError: the network has no convolution, or there is no such run, class or test image.
        RunError: the run is not finished.
        DataError: a file can't be read or is no image, or the data of the run is missing.

    Example:
        >>> [seen.character for seen in explain("resnet-kmnist", "character.png")[0].evidence]  # doctest: +SKIP
        ['お', 'す', 'ま']
    """
    run, network, config = _opened(run)
    labels = _labels(classes, config.classes)
    return [
        _explained(network, config.classes, picture, labels, top)
        for picture in _pictures(run, images, max(config.model.image_size))
    ]


def _explained(
    network: nn.Module, classes: Sequence[str], picture: Picture, labels: Sequence[int], top: int
) -> Explanation:
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
    run: Run | str | Path, path: Path, character_size: int, classes: Sequence[str] = ()
) -> PageExplanation:
    """Finds what a network sees where on a line or a page.

    At each point of its maps the network has an opinion of what it sees around it, also of paper and frames, which it
    was never shown.  There nothing is seen: ruled lines are taken off the page first, and it must have ink.

    Args:
        run: a finished run of a network that takes images of any size, its name or its path.
        path: an image file.
        character_size: how many pixels high a character is on it, more or less.
        classes: characters to look for, or their code points; all if there are none.

    Raises:
        UsageError: the network takes no other size than it was trained with, the page is too large for it, or there is
            no such run or class.
        RunError: the run is not finished.
        DataError: the file can't be read or is no image.
    """
    run, network, config = _opened(run)
    labels, side = _labels(classes, config.classes), max(config.model.image_size)
    if not takes_any_size(network):
        raise UsageError(
            "this network takes images of one size alone; lines and pages need one without dense layers, such as "
            "fcn_strided or resnet"
        )
    picture = _page_of(path, character_size, side)
    _check_room(network, picture)
    surfaces = every_class_map(network, as_batch(picture))[0].softmax(0)
    if labels:
        surfaces = surfaces[labels]
    highest, which = (each.numpy() for each in surfaces.max(0))
    highest = np.where(_has_ink(picture.pixels, side, highest.shape), highest, 0)
    # Two characters are at least half a character apart.
    apart = max(1.0, side / 2 * highest.shape[0] / picture.pixels.shape[0])
    named = labels or range(len(config.classes))
    seen = [
        (config.classes[named[int(which[place])]], _peak(picture, highest, place))
        for place in peaks(highest, SURE, apart)
    ]
    return PageExplanation(picture, highest, seen)


def explain_layer(run: Run | str | Path, layer: str, image: str | Path | int = 0, top: int = MAPS) -> LayerMaps:
    """Shows what a layer makes of an image.

    Args:
        run: a finished run, its name or its path.
        layer: such as `body.3`.
        image: an image file, or the number of a test image of the run.
        top: how many of the maps, those that vary most.

    Raises:
        UsageError: the network has no such layer with maps, or there is no such run or test image.
        RunError: the run is not finished.
        DataError: the file can't be read or is no image, or the data of the run is missing.
    """
    run, network, config = _opened(run)
    (picture,) = _pictures(run, [image], max(config.model.image_size))
    maps = feature_maps(network, as_batch(picture), layer)[0].numpy()
    numbers = np.sort(np.argsort(-maps.std((1, 2)), kind="stable")[:top])
    return LayerMaps(picture, layer, maps.shape, numbers.tolist(), maps[numbers])


def _opened(run: Run | str | Path) -> tuple[Run, nn.Module, RunConfig]:
    found = find_run(run)
    found.check_finished()
    return found, *load_network(found.weights_file)


def _labels(characters: Sequence[str], classes: Sequence[str]) -> list[int]:
    labels = []
    for name in characters:
        character = from_codepoint(name) if name not in classes and name.upper().startswith("U+") else name
        if character not in classes:
            raise unknown_name("class", character, classes)
        labels.append(classes.index(character))
    return labels


def _pictures(run: Run, images: Sequence[str | Path | int], side: int) -> list[Picture]:
    """The images: files, or numbers of test images."""
    if not images:
        return pictures_of_test(run)
    for image in images:
        if not isinstance(image, str | Path | Integral) or (isinstance(image, Integral) and image < 0):
            raise UsageError(f"an image is {image!r:.60}; expected a file, or the number of a test image, from 0")
    numbers = {name: int(f"{name}") for name in images if f"{name}".isdecimal() and not Path(f"{name}").exists()}
    tested = dict(zip(numbers, pictures_of_test(run, list(numbers.values())), strict=True)) if numbers else {}
    return [tested[name] if name in tested else picture_of(Path(f"{name}"), side) for name in images]


def as_batch(picture: Picture) -> Tensor:
    """A picture as networks take it: float (1, 1, H, W) between 0 and 1."""
    return as_input(as_tensor(picture.pixels[None]), torch.device("cpu"))


def _page_of(path: Path, character_size: int, side: int) -> Picture:
    """A page whose characters are brought to the size of those of the training, its paper black, its ink white."""
    try:
        page = Image.fromarray(read_gray(path))
    except DataError as error:
        raise DataError(f"{path} {error}") from None
    pixels = ink_of_page(scaled(page, side / character_size), _CELL * side)
    _rub_out(find_rules(255 - pixels), pixels, side)
    return Picture(path.name, pixels, scale=character_size / side)


def _rub_out(rules: Rules, ink: NDArray[np.uint8], side: int) -> None:
    """Takes ruled lines off a page whose characters have so many pixels a side; shorter ones are strokes of these."""
    half = max(2, side // 10)
    for lines, turned in ((rules.horizontal, ink), (rules.vertical, ink.T)):
        for place, start, end in lines.round().astype(int).tolist():
            if end - start > 2 * side:
                turned[max(0, place - half) : place + half + 1, start:end] = 0


def _has_ink(ink: NDArray[np.uint8], side: int, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Where on a page there may be a character, at each point of a map of this shape."""
    around = Image.fromarray(ink).filter(ImageFilter.BoxBlur(side / 2)).resize(shape[::-1], Image.Resampling.BILINEAR)
    share = np.asarray(around, np.float32) / 255
    return (share >= INKED[0]) & (share <= INKED[1])


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
