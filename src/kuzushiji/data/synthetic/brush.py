"""The embedded data: brush glyphs from a small atlas, varied into as many samples as asked for.

`brush:kmnist` and `brush:k49` have the classes, shape, polarity and imbalance of the sets that they stand for, and
are drawn anew each time from 989 glyphs: each kana as five brush fonts write it, its parent kanji in two cursive
hands, and its hentaigana (`tools/make_brush_atlas.py` renders them).  A sample is one of them with its own stroke
width, slant, stretch and bend, here and there a dry or a joined stroke, ink of the characters above and below, cut
out and scaled as Kuzushiji-MNIST's characters were.

How often a form of a kana comes was set by hand after what is frequent in printed books of the Edo period.  For the
ten kana of Kuzushiji-MNIST, the shares of the forms, the proportions and the amounts of variation were tuned on the
first 6,284 of its *training* images.  Its test images were used for nothing but the final figure of
`benchmarks/brush_to_real.py`.

Train and test samples are drawn with different random numbers, but from the same glyphs: the test split says whether
a network has learnt, not how well it would read a hand that it has never seen.

Only +, -, *, / and square roots of float32 touch the pixels, so the same seed gives the same bytes on any machine.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.characters import COMMON_PARENTS, K49, KMNIST, PARENT, hentaigana, parents
from kuzushiji.data.images import CharacterImages, Progress
from kuzushiji.errors import DataError, UsageError, unknown_name, whole_number

ATLAS = Path(__file__).with_name("brush_atlas.png")
SIZE = 28
BLOCK = 256  # samples drawn at a time; part of what a seed means
FINEST = np.float32(1e-6)

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """The set that a brush set stands for.

    Attributes:
        classes: its characters.
        counts: split -> number of images of each class in the whole set.
        default: split -> `samples_per_class` where none is asked for.
    """

    classes: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    default: dict[str, int]


_K49_TRAIN = {3: 777, 8: 4714, 13: 4165, 14: 3867, 16: 2565, 22: 2063, 23: 2451, 26: 5132, 29: 1993, 31: 3060}
_K49_TRAIN |= {32: 1718, 33: 3394, 36: 1598, 42: 2139, 43: 2397, 44: 417, 45: 392, 48: 3523}
_K49_TEST = {3: 126, 8: 767, 13: 678, 14: 629, 16: 418, 22: 336, 23: 399, 26: 836, 29: 324, 31: 498}
_K49_TEST |= {32: 280, 33: 552, 36: 260, 42: 348, 43: 390, 44: 68, 45: 64, 48: 574}

SHAPES = {
    "kmnist": Shape(KMNIST, {"train": (6000,) * 10, "test": (1000,) * 10}, {"train": 1000, "test": 200}),
    "k49": Shape(
        K49,
        {
            "train": tuple(_K49_TRAIN.get(label, 6000) for label in range(49)),
            "test": tuple(_K49_TEST.get(label, 1000) for label in range(49)),
        },
        {"train": 1000, "test": 200},
    ),
}

FORMS = {
    "お": {"お": 0.62, "於": 0.38},
    "き": {"き": 0.58, "起": 0.26, "支": 0.1, "喜": 0.03, "幾": 0.02, "木": 0.01},
    "す": {"春": 0.46, "す": 0.24, "須": 0.2, "寸": 0.07, "寿": 0.02, "数": 0.01},
    "つ": {"つ": 0.6, "川": 0.21, "徒": 0.11, "津": 0.07, "都": 0.01},
    "な": {"奈": 0.44, "な": 0.36, "那": 0.11, "名": 0.05, "南": 0.03, "難": 0.01},
    "は": {"八": 0.6, "者": 0.22, "は": 0.06, "盤": 0.05, "波": 0.04, "半": 0.02, "婆": 0.01},
    "ま": {"ま": 0.62, "末": 0.17, "満": 0.12, "万": 0.08, "麻": 0.01},
    "や": {"や": 0.4, "也": 0.5, "屋": 0.06, "夜": 0.03, "耶": 0.01},
    "れ": {"連": 0.44, "れ": 0.4, "礼": 0.14, "麗": 0.02},
    "を": {"を": 0.43, "遠": 0.29, "越": 0.25, "乎": 0.03},
}
"""Shares of the forms of a kana where they were tuned; a form is the kana itself or a parent kanji."""

ASPECTS = {"お": 1.3, "き": 0.85, "す": 0.8, "な": 0.95, "は": 1.05, "ま": 0.75, "や": 1.3, "れ": 0.95, "を": 1.1}
"""By how much a kana is wider for its height than in the fonts, where it was measured."""


@dataclass(frozen=True)
class Brush:
    """Embedded brush glyphs in the shape of a set.

    Attributes:
        shape: name of the set, one of `SHAPES`.
        amount: training images of the most frequent class, a sixth as many test images; as `make` has it if None.
    """

    shape: str
    amount: int | None = None

    @property
    def splits(self) -> tuple[str, ...]:
        """train and test."""
        return tuple(SHAPES[self.shape].counts)

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The images of a split, drawn anew."""
        amount = self.amount if self.amount is None or split == "train" else -(-self.amount // 6)
        return make(self.shape, split, samples_per_class=amount)


def make(name: str, split: str, *, samples_per_class: int | None = None, seed: int = 0) -> CharacterImages:
    """Draws one split of an embedded set.

    Args:
        name: the set to stand for, `kmnist` or `k49`.
        split: `train` or `test`.
        samples_per_class: images of the most frequent class; the others keep their proportion to it, as in the set
            that is stood for.  6,000 for train and 1,000 for test are its full size (60,000 or 232,365 train images).
            If None: 1,000 for train, 200 for test.
        seed: another seed draws other samples.  For a seed, the first samples of a class are the same ones however
            many are asked for.

    Returns:
        28x28 images, bright ink on black, in an order shuffled by the seed.

    Raises:
        UsageError: there is no such set or split, or a number is out of range.

    Example:
        >>> make("kmnist", "train", samples_per_class=5).images.shape
        (50, 28, 28)
    """
    if name not in SHAPES:
        raise unknown_name("brush set", f"brush:{name}", [f"brush:{known}" for known in SHAPES])
    shape = SHAPES[name]
    if split not in shape.counts:
        raise UsageError(f"brush:{name} has no split {split!r}; it has {', '.join(shape.counts)}")
    if samples_per_class is None:
        samples_per_class = shape.default[split]
    whole_number("samples_per_class", samples_per_class)
    whole_number("seed", seed, 0)
    atlas, largest = _atlas(), max(shape.counts[split])
    counts = [max(1, -(-count * samples_per_class // largest)) for count in shape.counts[split]]
    images = np.empty((sum(counts), SIZE, SIZE), np.uint8)
    labels = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    order = np.random.default_rng([seed, split == "train"]).permutation(len(images))
    place = np.argsort(order)  # where the samples go, class after class
    done = 0
    for kana, count in zip(shape.classes, counts, strict=True):
        for start in range(0, count, BLOCK):
            rng = np.random.default_rng([seed, split == "train", ord(kana), start // BLOCK])
            drawn = _draw(atlas, kana, rng)[: count - start]
            images[place[done : done + len(drawn)]] = drawn
            done += len(drawn)
    source = {ATLAS.name: atlas.sha256}
    return CharacterImages(images, labels[order], shape.classes, f"brush:{name}", split, source)


@dataclass(frozen=True, eq=False)
class _Atlas:
    """Glyphs as distances to the edge of the ink, in pixels, positive within it.

    Attributes:
        cells: float32 (G, CELL, CELL).
        index: font -> character -> number of the cell.
        ink: length in pixels of the longer side of a glyph.
        half_width: half the mean stroke width of each glyph, (G,).
        sha256: hash of the picture's file.
    """

    cells: Floats
    index: dict[str, dict[str, int]]
    ink: int
    half_width: Floats
    sha256: str


@lru_cache(maxsize=1)
def _atlas() -> _Atlas:
    """Reads the atlas that comes with the package.

    Raises:
        DataError: one of its two files is missing or damaged.
    """
    broken = f"{ATLAS} and the manifest beside it are not as they were made; install the package again"
    try:
        manifest = json.loads(ATLAS.with_suffix(".json").read_text(encoding="utf-8"))
        content = ATLAS.read_bytes()
        with Image.open(BytesIO(content)) as picture:
            sheet = np.asarray(picture)
    except (OSError, ValueError, SyntaxError) as error:  # Pillow calls a broken PNG a SyntaxError
        raise DataError(f"{broken} ({error})") from None
    if hashlib.sha256(sheet.tobytes()).hexdigest() != manifest["pixels_sha256"]:
        raise DataError(broken)
    cell, columns = manifest["cell"], manifest["columns"]
    cells = sheet.reshape(-1, cell, columns, cell).swapaxes(1, 2).reshape(-1, cell, cell)
    index: dict[str, dict[str, int]] = {}
    first = 0
    for font, characters in manifest["glyphs"].items():
        index[font] = {character: first + number for number, character in enumerate(characters)}
        first += len(characters)
    distance = (cells[:first].astype(np.float32) - manifest["zero"]) / np.float32(manifest["steps"])
    # Distances within a stroke rise evenly from its edges to its middle: their mean is a quarter of its width.  They
    # are sixteenths of a pixel, so that their sum is exact.
    total = np.maximum(distance, 0).sum(axis=(1, 2))
    half_width = 2 * total / np.maximum((distance > 0).sum(axis=(1, 2)), 1).astype(np.float32)
    return _Atlas(distance, index, manifest["ink"], half_width, hashlib.sha256(content).hexdigest())


# Which glyph


def forms(kana: str) -> dict[str, float]:
    """The forms of a kana, itself and its parent kanji, with their shares, which sum to 1."""
    if kana in FORMS:
        shares = dict(FORMS[kana])
    else:
        common = [parent for parent in COMMON_PARENTS.get(kana, "") if parent != PARENT[kana]]
        rare = [parent for parent in parents(kana) if parent not in common]
        shares = {kana: 3.0} | {parent: 1.0 / (1 + rank) for rank, parent in enumerate(common)}
        shares |= dict.fromkeys(rare, 0.05)
        if kana in PARENT:
            shares[PARENT[kana]] = 1.0
    total = sum(shares.values())
    return {form: share / total for form, share in shares.items()}


def _glyphs(atlas: _Atlas, kana: str, form: str) -> dict[int, float]:
    """The cells that show a form and their shares of it, which sum to 1; empty if there is none.

    Of several hentaigana from one parent the later is the more cursive one, and the more frequent in print.
    """
    if form == kana:
        shown = {"sousho": 1.5, "gyosho": 1.0, "mouhitsu": 1.2, "kouzan": 1.0, "soseki": 2.0}
        cells = {atlas.index[font][kana]: share for font, share in shown.items() if kana in atlas.index[font]}
    else:
        letters = [letter for letter, parent in hentaigana(kana) if parent == form]
        if (kana, form) == ("え", "江"):
            letters = ["\U0001b001"]
        known = [atlas.index["hentaigana"][letter] for letter in letters if letter in atlas.index["hentaigana"]]
        cells = {cell: float(1 + 2 * rank) for rank, cell in enumerate(known)}
        for font, share in {"sousho": 1.0, "gyosho": 0.15}.items():
            if form in atlas.index[font]:
                cells[atlas.index[font][form]] = share * max(1.0, sum(cells.values()))
    total = sum(cells.values())
    return {cell: share / total for cell, share in cells.items()}


def _choose(atlas: _Atlas, kana: str, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of the cells of a block of samples."""
    shares: dict[int, float] = {}
    for form, share in forms(kana).items():
        for cell, part in _glyphs(atlas, kana, form).items():
            shares[cell] = shares.get(cell, 0) + share * part
    bounds = np.cumsum(list(shares.values()))
    drawn = np.searchsorted(bounds, rng.random(BLOCK) * bounds[-1], side="right")
    return np.array(list(shares))[np.minimum(drawn, len(bounds) - 1)]


# How it is drawn


def _uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Floats:
    return np.float32(low) + np.float32(high - low) * rng.random((BLOCK, *shape), dtype=np.float32)


def _bell(rng: np.random.Generator, deviation: float, *shape: int) -> Floats:
    """Nearly normal, by sums of uniform numbers, within 3 deviations of 0."""
    total = rng.random((3, BLOCK, *shape), dtype=np.float32)
    return (total[0] + total[1] + total[2] - np.float32(1.5)) * np.float32(2 * deviation)


def _interpolation(nodes: int) -> Floats:
    """Weights (SIZE, nodes) that spread values at nodes smoothly over the pixels."""
    position = np.arange(SIZE, dtype=np.float32) * np.float32((nodes - 1) / (SIZE - 1))
    near = np.maximum(1 - np.abs(position[:, None] - np.arange(nodes, dtype=np.float32)), 0)
    return near * near * (3 - 2 * near)


def _field(rng: np.random.Generator, deviation: Floats, nodes: int) -> Floats:
    """Smooth random fields, (B, SIZE, SIZE), each with its own deviation, (B,), of at most BLOCK samples."""
    values = _bell(rng, 1.0, nodes, nodes)[: len(deviation)] * deviation[:, None, None]
    weights = _interpolation(nodes)
    rows = np.zeros((len(values), SIZE, nodes), np.float32)
    field = np.zeros((len(values), SIZE, SIZE), np.float32)
    for k in range(nodes):  # each node reaches only the pixels around it
        to = _reached(weights[:, k])
        rows[:, to] += weights[to, k, None] * values[:, k, None, :]
    for k in range(nodes):
        to = _reached(weights[:, k])
        field[:, :, to] += weights[to, k] * rows[:, :, k, None]
    return field


def _reached(weights: Floats) -> slice:
    """The pixels with a weight above 0; they lie side by side."""
    found = np.flatnonzero(weights)
    return slice(int(found[0]), int(found[-1]) + 1)


def _sample(atlas: _Atlas, glyphs: NDArray[np.int64], x: Floats, y: Floats) -> Floats:
    """Distance to the edge of the ink at points of the cells, bilinear; x and y are 0 in the middle of a cell."""
    cell = atlas.cells.shape[1]
    middle, last = np.float32((cell - 1) / 2), np.float32(cell - 1.001)
    x, y = np.clip(x + middle, 0, last), np.clip(y + middle, 0, last)
    left, top = x.astype(np.int32), y.astype(np.int32)
    x -= left
    y -= top
    flat = atlas.cells.reshape(-1)
    at = (glyphs.astype(np.int32) * (cell * cell))[:, None, None] + top * cell + left
    upper = flat.take(at)
    upper += (flat.take(at + 1) - upper) * x
    at += cell
    lower = flat.take(at)
    lower += (flat.take(at + 1) - lower) * x
    lower -= upper
    lower *= y
    lower += upper
    return lower


def _sample_nearest(atlas: _Atlas, glyphs: NDArray[np.int64], x: Floats, y: Floats) -> Floats:
    """As `_sample`, of the nearest pixel."""
    cell = atlas.cells.shape[1]
    x, y = np.clip(x + np.float32(cell / 2), 0, cell - 1), np.clip(y + np.float32(cell / 2), 0, cell - 1)
    at = (glyphs.astype(np.int32) * (cell * cell))[:, None, None] + y.astype(np.int32) * cell + x.astype(np.int32)
    return atlas.cells.reshape(-1).take(at)


def _draw(atlas: _Atlas, kana: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A block of samples of one kana, (BLOCK, SIZE, SIZE)."""
    glyphs = _choose(atlas, kana, rng)
    others = rng.integers(len(atlas.cells), size=(2, BLOCK))  # above and below

    # From points of the sample, -1 to 1 over its side, to points of the cell: turn, slant, stretch, bend.
    turn, slant, stretch = _bell(rng, 0.09), _bell(rng, 0.14), 1 + _bell(rng, 0.13)
    stretch *= np.sqrt(np.float32(ASPECTS.get(kana, 1.0)))
    a, b, c, d = 1 / stretch, slant + turn, -turn, stretch
    bend = _uniform(rng, 0.2, 1.0) * np.float32(0.075 * atlas.ink)
    bend_x, bend_y = _field(rng, bend, 4), _field(rng, bend, 4)
    half = np.float32(atlas.ink / 2)
    line = (np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2) / (SIZE / 2)

    def points(at_x: NDArray, at_y: NDArray) -> tuple[NDArray, NDArray]:
        x, y = at_x[:, None, :], at_y[:, :, None]
        a_, b_, c_, d_ = (value[:, None, None] for value in (a, b, c, d))
        return (a_ * x + b_ * y) * half + bend_x, (c_ * x + d_ * y) * half + bend_y

    # First look with a wide view, to find where the ink is; then cut it out as the real characters were: the longer
    # side of its box becomes the side of the image, what lies beside the shorter one stays black.
    wide = np.broadcast_to(line * np.float32(1.35), (BLOCK, SIZE))
    width = atlas.half_width[glyphs]
    target = _uniform(rng, 0.9, 1.75) * np.float32(atlas.ink / SIZE)
    heavier = np.clip(target - width, -0.6 * width, 3.2)
    ink = _sample_nearest(atlas, glyphs, *points(wide, wide)) + heavier[:, None, None] > 0
    box_x, box_y = _extent(ink.any(axis=1), wide[0]), _extent(ink.any(axis=2), wide[0])
    slack = _bell(rng, 0.035, 4)
    box_x = box_x + slack[:, :2] * (box_x[:, 1:] - box_x[:, :1])
    box_y = box_y + slack[:, 2:] * (box_y[:, 1:] - box_y[:, :1])
    side = np.maximum(box_x[:, 1] - box_x[:, 0], box_y[:, 1] - box_y[:, 0]) / 2
    # A column gives every character about the same width: the taller it is, the more it was scaled down, pen and all.
    flat = (box_x[:, 1] - box_x[:, 0]) / (box_y[:, 1] - box_y[:, 0])
    heavier = np.clip(target * np.sqrt(flat) - width, -0.6 * width, 3.2)
    at_x = (box_x.sum(axis=1) / 2)[:, None] + side[:, None] * line
    at_y = (box_y.sum(axis=1) / 2)[:, None] + side[:, None] * line
    x, y = points(at_x, at_y)
    distance = _sample(atlas, glyphs, x, y)

    # Neighbours above and below, some so near that they reach into the box.
    reach = _uniform(rng, -0.35, 0.28, 2)
    height = box_y[:, 1] - box_y[:, 0]
    for number, sign in enumerate((-1, 1)):
        near = np.flatnonzero(reach[:, number] > 0)
        shift = (np.float32(1) + height / 2 - reach[:, number] * height)[near, None, None] * half * sign
        middle = ((c * box_x.sum(axis=1) / 2 + d * box_y.sum(axis=1) / 2) * half)[near, None, None]
        other = _sample(atlas, others[number, near], x[near], y[near] - middle - shift)
        distance[near] = np.maximum(distance[near], other - 0.5)

    distance += heavier[:, None, None]
    distance += _field(rng, _uniform(rng, 0.0, 0.6), 6)  # the brush presses unevenly
    distance *= (np.float32(SIZE / 2) / half / side)[:, None, None]  # in pixels of the sample
    _connect(rng, distance, ink, box_x, box_y, side, line)

    # A dry brush leaves streaks; paper and copying leave specks.
    dry, soiled, contrast = _uniform(rng, -3.0, 1.0), _uniform(rng, -1.0, 0.3), _uniform(rng, 0.7, 1.3)
    near = np.flatnonzero(dry > 0)
    distance[near] -= np.maximum(_field(rng, dry[near] * 1.2, 14), 0)
    grey = np.clip(distance * contrast[:, None, None] + np.float32(0.5), 0, 1)
    near = np.flatnonzero(soiled > 0)
    grey[near] = np.maximum(grey[near], _field(rng, soiled[near], 14) - np.float32(0.1))

    inside_x = (at_x >= box_x[:, :1]) & (at_x <= box_x[:, 1:])
    inside_y = (at_y >= box_y[:, :1]) & (at_y <= box_y[:, 1:])
    grey *= inside_x[:, None, :] & inside_y[:, :, None]
    peak = np.maximum(grey.max(axis=(1, 2)), FINEST)
    return (np.minimum(grey / peak[:, None, None], 1) * 255 + np.float32(0.5)).astype(np.uint8)


def _extent(any_ink: NDArray[np.bool_], line: Floats) -> Floats:
    """First and last place with ink, (BLOCK, 2)."""
    last = any_ink.shape[1] - 1
    step = (line[1] - line[0]) / 2
    return np.stack([line[any_ink.argmax(axis=1)] - step, line[last - any_ink[:, ::-1].argmax(axis=1)] + step], axis=1)


def _connect(
    rng: np.random.Generator,
    distance: Floats,
    ink: NDArray[np.bool_],
    box_x: Floats,
    box_y: Floats,
    side: Floats,
    line: Floats,
) -> None:
    """Adds, to some samples, a thin stroke that enters from above or leaves below, as in connected writing."""
    chance, ends, radius = _uniform(rng, 0, 1, 2), _bell(rng, 0.3, 2, 3), _uniform(rng, 0.3, 1.0, 2)
    for number, (sign, share) in enumerate(((-1, 0.18), (1, 0.22))):
        near = np.flatnonzero(chance[:, number] < share)
        start_x, bend_x, end_x = (ends[near, number, k] for k in range(3))
        start_y = np.full(len(near), sign * 1.05, np.float32)
        end_y = np.float32(sign) * (np.float32(0.45) + ends[near, number, 1])
        nearest = np.full((len(near), SIZE, SIZE), 9e9, np.float32)
        for t in np.linspace(0, 1, 10, dtype=np.float32):
            px = (1 - t) * (1 - t) * start_x + 2 * t * (1 - t) * (start_x + bend_x) + t * t * end_x
            py = (1 - t) * start_y + t * end_y
            dx, dy = line - px[:, None], line - py[:, None]
            nearest = np.minimum(nearest, (dx * dx)[:, None, :] + (dy * dy)[:, :, None])
        stroke = radius[near, number, None, None] - np.sqrt(nearest) * np.float32(SIZE / 2)
        distance[near] = np.maximum(distance[near], stroke)
