"""The embedded data: brush glyphs, varied into as many images as asked for, in the shape of a real set.

The atlas holds, for each class of Kuzushiji-49, the kana in its modern form and the cursive forms of its parent kanji
(`tools/make_brush_atlas.py` renders it from brush fonts).  Each image starts from one glyph and is slanted, stretched,
turned and bent; its strokes are made thicker or thinner, broken and joined; it is cut out along its ink, as the
characters of Kuzushiji-MNIST were, and some neighbour's ink may come in at an edge.

How often each form is drawn was measured on the first 6,284 training images of Kuzushiji-MNIST for its ten classes
(`tools/measure_form_shares.py`); the test images had no part in it.  For other classes the forms share alike.
Train and test images are different draws of the same glyphs: accuracy on the test split says how well the glyphs were
learned, and nothing of real books.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from kuzushiji.data.catalog import dataset
from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import UsageError, unknown_name
from kuzushiji.files import file_hash

ATLAS = Path(__file__).with_name("brush_atlas.npz")
SHARES = Path(__file__).with_name("brush_shares.json")
GLYPH_SIZE = 48
SIZE = 28
CHUNK = 500
"""Images drawn with one random generator, so that the outcome does not depend on how many are drawn at once."""

K49_TRAIN_COUNTS = (
    (6000,) * 3 + (777,) + (6000,) * 4 + (4714,) + (6000,) * 4 + (4165, 3867, 6000, 2565) + (6000,) * 5
    + (2063, 2451, 6000, 6000, 5132, 6000, 6000, 1993, 6000, 3060, 1718, 3394, 6000, 6000, 1598) + (6000,) * 5
    + (2139, 2397, 417, 392, 6000, 6000, 3523)
)  # fmt: skip
"""Training images of each class of Kuzushiji-49; its test set has a sixth of each."""

SHAPES = {"kmnist": ((6000,) * 10, 1000), "k49": (K49_TRAIN_COUNTS, 300)}
"""Name -> training images of each class in the real set, and how many the commonest has here by default."""


@dataclass(frozen=True)
class Variation:
    """How much the glyphs are varied; lengths as shares of the glyph's half side.

    Attributes:
        rotate: standard deviation of the rotation, in radians.
        shear: standard deviation of the slant, as a share of the height.
        stretch: standard deviation of the logarithm of width over height, halved.
        elastic: standard deviation of the largest displacement of the elastic bend.
        thickest, thinnest: level at which the blurred glyph is cut, low for thick strokes, high for thin ones.
        dryness: how far that level wanders within a glyph, so that strokes break and join.
        zoom: standard deviation of the logarithm of the size of the cut.
        shift: standard deviation of the place of the cut, as a share of its side.
        neighbours: share of the images into which another's ink comes.
    """

    rotate: float = 0.08
    shear: float = 0.15
    stretch: float = 0.12
    elastic: float = 0.09
    thickest: float = 0.5
    thinnest: float = 0.88
    dryness: float = 0.08
    zoom: float = 0.04
    shift: float = 0.02
    neighbours: float = 0.2


def make(
    name: str,
    split: str = "train",
    *,
    samples_per_class: int | None = None,
    seed: int = 0,
    variation: Variation | None = None,
) -> CharacterImages:
    """Draws a set of brush characters.

    Args:
        name: `kmnist` or `k49`, the set whose classes, image size and imbalance it has; `kmnist:6000` asks for so
            many training images of the commonest class.
        split: `train`, or `test`, which has a sixth as many images.
        samples_per_class: images of the commonest class in this split; overrules the name.
        seed: another seed draws other images.
        variation: how much the glyphs are varied.

    Returns:
        28 x 28 images, bright on black, in random order; the same for the same arguments.

    Raises:
        UsageError: no such set or split, or a number below 1.
    """
    name, _, count = name.partition(":")
    if name not in SHAPES:
        raise unknown_name("brush set", name, SHAPES)
    if split not in ("train", "test"):
        raise UsageError(f"brush:{name} has no split {split!r}; it has train and test")
    if count and not count.isdigit():
        raise UsageError(f"brush:{name}:{count} asks for {count!r} images of a class; expected a number")
    classes = tuple(dataset(name).characters)
    real_counts, default = SHAPES[name]
    commonest = samples_per_class
    if commonest is None:
        commonest = int(count) if count else default
        commonest = commonest if split == "train" else -(-commonest // 6)
    if commonest < 1:
        raise UsageError(f"{commonest} images of a class; expected at least 1")

    counts = [max(1, round(commonest * real / max(real_counts))) for real in real_counts]
    order = default_rng([seed, split == "test"])
    labels = order.permutation(np.repeat(np.arange(len(classes)), counts)).astype(np.int64)
    starts = range(0, len(labels), CHUNK)

    def draw(start: int) -> NDArray[np.uint8]:
        random = default_rng([seed, split == "test", start])
        return _draw([classes[label] for label in labels[start : start + CHUNK]], random, variation or Variation())

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        images = np.concatenate(list(pool.map(draw, starts)))
    return CharacterImages(
        images,
        labels,
        classes,
        name=f"brush:{name}" + (f":{count}" if count else ""),
        split=split,
        source={path.name: file_hash(path) for path in (ATLAS, SHARES)},
    )


@dataclass(frozen=True, eq=False)
class Atlas:
    """The glyphs, ready to be varied.

    Attributes:
        fields: float32 (G, 50, 50), the glyphs blurred and scaled so that the middle of a stroke is about 1, with a
            border of zeros: cut at a low level they give thick strokes, at a high one thin strokes.
        glyphs_of: class -> the indices of its glyphs and the share of each.
        forms: the character and the cut of each glyph, such as `於 sousho`.
    """

    fields: NDArray[np.float32]
    glyphs_of: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]
    forms: list[str]


@cache
def atlas() -> Atlas:
    """Reads the glyphs and how often each is drawn."""
    with np.load(ATLAS) as arrays:
        glyphs, classes, forms = arrays["glyphs"], arrays["classes"], arrays["forms"].tolist()
    measured = json.loads(SHARES.read_text(encoding="utf-8"))
    blur = _gaussian(GLYPH_SIZE, 1.3)
    fields = np.matmul(np.matmul(blur, glyphs.astype(np.float32) / 255), blur.T)
    middle = [np.median(field[glyph > 128]) for field, glyph in zip(fields, glyphs, strict=True)]
    fields /= np.array(middle, dtype=np.float32)[:, None, None]
    glyphs_of = {}
    for kana in np.unique(classes).tolist():
        found = np.flatnonzero(classes == kana)
        shares = np.array([measured.get(kana, {}).get(forms[number], 0.0) for number in found])
        if not shares.any():
            shares = np.ones(len(found))
        glyphs_of[kana] = found, shares / shares.sum()
    return Atlas(np.pad(fields, ((0, 0), (1, 1), (1, 1))), glyphs_of, forms)


def _draw(characters: list[str], random: Generator, variation: Variation) -> NDArray[np.uint8]:
    """(N, 28, 28) images of the characters."""
    glyphs_of = atlas().glyphs_of
    chosen = np.array([random.choice(glyphs_of[each][0], p=glyphs_of[each][1]) for each in characters])
    return draw_glyphs(chosen, random, variation)


def draw_glyphs(chosen: NDArray[np.int64], random: Generator, variation: Variation) -> NDArray[np.uint8]:
    """Varies glyphs of the atlas.

    Args:
        chosen: (N,) numbers of glyphs.

    Returns:
        (N, 28, 28), bright on black.
    """
    ink = _ink(_bent(chosen, random, variation), random, variation)
    images = _cut_out(ink, random, variation)
    images *= random.uniform(0.85, 1.25, (len(images), 1, 1)).astype(np.float32)
    images = _with_neighbours(images, random, variation.neighbours)
    return (np.clip(images, 0, 1) * 255).astype(np.uint8)


WORK = 2 * SIZE
"""Side of the images while they are made; they are halved at the end, so that edges are as soft as in scans."""


def _bent(chosen: NDArray[np.int64], random: Generator, variation: Variation) -> NDArray[np.float32]:
    """The glyphs' fields, turned, slanted, stretched and bent: (N, 56, 56)."""
    count = len(chosen)

    def normal(deviation: float) -> NDArray[np.float32]:
        return (random.standard_normal((count, 1, 1)) * deviation).astype(np.float32)

    side = np.linspace(-1.25, 1.25, WORK).astype(np.float32)
    stretch = np.exp(normal(variation.stretch))
    along = side[None, :, None] / stretch
    across = side[None, None, :] * stretch + normal(variation.shear) * along
    angle = normal(variation.rotate)
    strength = random.uniform(0.3, 1.0, (count, 1, 1)).astype(np.float32) * variation.elastic
    x = np.cos(angle) * across - np.sin(angle) * along + _smooth_noise(random, count, 5) * strength
    y = np.sin(angle) * across + np.cos(angle) * along + _smooth_noise(random, count, 5) * strength
    centre = (GLYPH_SIZE - 1) / 2
    return _sample(atlas().fields[chosen], (y + 1) * centre, (x + 1) * centre)


def _ink(fields: NDArray[np.float32], random: Generator, variation: Variation) -> NDArray[np.float32]:
    """Strokes of some thickness, here and there broken or joined: (N, 56, 56), 0 to 1."""
    count = len(fields)
    level = random.uniform(variation.thickest, variation.thinnest, (count, 1, 1)).astype(np.float32)
    dryness = random.uniform(0, 1, (count, 1, 1)).astype(np.float32) ** 2 * variation.dryness
    level = level + _smooth_noise(random, count, 9) * dryness
    return 1 / (1 + np.exp(np.clip((level - fields) * 25, -60, 60)))


def _cut_out(ink: NDArray[np.float32], random: Generator, variation: Variation) -> NDArray[np.float32]:
    """The square around the ink, scaled to (N, 28, 28): the longer side of a character touches both edges."""
    count = len(ink)
    inked = ink > 0.5
    left, right = _extent(np.any(inked, axis=1))
    top, bottom = _extent(np.any(inked, axis=2))
    side = np.maximum(np.maximum(right - left, bottom - top), 8)
    side = side * np.exp(np.clip(random.normal(0, variation.zoom, count), -0.16, 0.18))
    across = (left + right) / 2 + random.normal(0, variation.shift, count) * side
    along = (top + bottom) / 2 + random.normal(0, variation.shift, count) * side
    steps = (np.arange(WORK) + 0.5) / WORK - 0.5
    y = (along[:, None] + steps * side[:, None] - 0.5).astype(np.float32)[:, :, None]
    x = (across[:, None] + steps * side[:, None] - 0.5).astype(np.float32)[:, None, :]
    large = _sample(np.pad(ink, ((0, 0), (1, 1), (1, 1))), y, x)
    return large.reshape(count, SIZE, 2, SIZE, 2).mean(axis=(2, 4))


def _with_neighbours(images: NDArray[np.float32], random: Generator, share: float) -> NDArray[np.float32]:
    """The images, into some of which a part of another one comes from above, below, left or right."""
    others = images[random.permutation(len(images))]
    result = images.copy()
    for number in np.flatnonzero(random.random(len(images)) < share):
        rows = int(random.integers(2, 8))
        turns = int(random.choice(4, p=[0.35, 0.15, 0.35, 0.15]))
        edge = np.rot90(result[number], turns)[:rows]  # a view of one edge: writing to it writes to the image
        np.maximum(edge, np.rot90(others[number], turns)[-rows:], out=edge)
    return result


def _extent(occupied: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First occupied position and the one after the last, for each row of (N, S)."""
    first = occupied.argmax(axis=1)
    last = occupied.shape[1] - occupied[:, ::-1].argmax(axis=1)
    return first.astype(np.float64), last.astype(np.float64)


def _sample(padded: NDArray[np.float32], y: NDArray[np.floating], x: NDArray[np.floating]) -> NDArray[np.float32]:
    """Bilinear samples of images with a border of zeros; outside them is 0.

    Args:
        padded: (N, S + 2, S + 2).
        y, x: (N, T, T), or what broadcasts to it: coordinates in the images without their border.
    """
    count, side = padded.shape[0], padded.shape[1]
    y = np.clip(y + 1, 0, side - 1.001)
    x = np.clip(x + 1, 0, side - 1.001)
    row, column = y.astype(np.int32), x.astype(np.int32)
    down, right = y - row, x - column
    first = np.arange(count, dtype=np.int32)[:, None, None] * (side * side) + row * side + column
    flat = padded.reshape(-1)
    above = flat[first] * (1 - right) + flat[first + 1] * right
    below = flat[first + side] * (1 - right) + flat[first + side + 1] * right
    return above * (1 - down) + below * down


def _smooth_noise(random: Generator, count: int, points: int) -> NDArray[np.float32]:
    """(N, 56, 56) of values that vary smoothly between points x points normal ones."""
    spread = _interpolation(WORK, points)
    values = random.standard_normal((count, points, points)).astype(np.float32)
    return np.matmul(np.matmul(spread, values), spread.T)


def _interpolation(size: int, points: int) -> NDArray[np.float32]:
    """(size, points) weights that interpolate smoothly between evenly spaced points."""
    place = np.linspace(0, points - 1, size)
    before = np.clip(place.astype(int), 0, points - 2)
    part = place - before
    part = part * part * (3 - 2 * part)
    weights = np.zeros((size, points), np.float32)
    weights[np.arange(size), before] = 1 - part
    weights[np.arange(size), before + 1] += part.astype(np.float32)
    return weights


def _gaussian(size: int, deviation: float) -> NDArray[np.float32]:
    """(size, size) weights that blur a row of `size` values."""
    distance = np.arange(size)[:, None] - np.arange(size)
    weights = np.exp(-(distance**2) / (2 * deviation**2))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
