"""Characters as scans show them: how many are named right, and how many wrongly by an answer that claims to be sure.

    python benchmarks/disguises.py                                    # every network that ships, 1,000 images each
    python benchmarks/disguises.py --models kmnist page --limit 200 --only "black edge" "red seal, grid"
    python benchmarks/disguises.py --write docs/disguises.md           # into the page
    python benchmarks/disguises.py --sheet sheet.png                  # what they look like

Each disguise is drawn around the test images of a data set, enlarged and with room around, the same at every call.
Of several characters on an image no answer is right, but 二 of two 一 in a column; an image that is refused, blank or
unsure is no wrong answer.  Each is drawn, cleaned and cut once, and asked of all networks together.
"""

import argparse
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

import kuzushiji
from disguises_page import write
from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataError
from kuzushiji.imaging.cut import cut_character_to
from kuzushiji.imaging.scan import CharacterScan, read_character
from kuzushiji.reading.combined import Combined
from kuzushiji.reading.recognizer import Recognition, Recognizer, recognitions_of

MEASURED = tuple(
    (model, data)
    for model, sets in {"all": 2, "kmnist": 0, "kana": 0, "kanji": 1, "page": 2}.items()
    for data in (("kmnist6k",), ("kkanji",), ("kmnist6k", "kkanji"))[sets]
)
"""Networks and the test images that each is measured on; `all` is the answer where none is named."""
COUNT = 1000
"""So many images of each data set are measured; whoever chooses by images takes others (`unmeasured`)."""
_AT_ONCE = 50

SIDE = 168
"""Of the character, in pixels; there is room around it."""
ROOM = 30

Ink = NDArray[np.float32]
"""(H, W), how much of each pixel is ink, from 0 to 1."""
Pixels = NDArray[np.uint8]
Random = np.random.Generator
Disguise = Callable[[Ink, Sequence[Ink], Random], Pixels]
"""Draws a character; some draw others beside it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", help="of those in MEASURED")
    parser.add_argument("--data", nargs="+", help="of those in MEASURED")
    parser.add_argument("--limit", type=int, default=COUNT, help="images of each data set at most; 0 for all")
    parser.add_argument("--only", nargs="+", default=list(DISGUISES), help="names of disguises")
    parser.add_argument("--processes", type=int, default=2, help="that draw and name")
    parser.add_argument("--write", type=Path, help="a page; what was measured is kept in a JSON file beside it")
    parser.add_argument("--as", dest="state", default="now", choices=("before", "now"), help="column to write")
    parser.add_argument("--sheet", type=Path, help="draw what the disguises look like instead")
    arguments = parser.parse_args()
    if arguments.sheet:
        draw_sheet(arguments.sheet)
        return
    wanted = [
        (model, data)
        for model, data in MEASURED
        if model in (arguments.models or [model]) and data in (arguments.data or [data])
    ]
    with ProcessPoolExecutor(arguments.processes) as pool:
        for name in arguments.only:
            measured = measure(pool, wanted, name, arguments.limit)
            for title, (right, sure, wrong, count) in measured.items():
                print(f"{name:22}{title:20}{count:7,}{right:7.2f}{sure:7.2f}{wrong:7.2f}", flush=True)
            if arguments.write:
                found = {title: {name: row} for title, row in measured.items()}
                write(arguments.write, arguments.state, found, SEVERAL)


# Disguises


def enlarged(image: Pixels, side: int = SIDE) -> Ink:
    """A character of a data set as ink, larger."""
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC), np.float32) / 255


def with_room(ink: Ink, room: int = ROOM) -> Ink:
    return np.pad(ink, room)


def mixed(ink: Ink, paper: float | Sequence[float] = 235, tone: float | Sequence[float] = 30) -> NDArray[np.float32]:
    """Ink of one tone on paper of another, (H, W), or (H, W, 3) if these are colours."""
    if isinstance(paper, Sequence) or isinstance(tone, Sequence):
        ink = ink[..., None]
    return (1 - ink) * np.asarray(paper, np.float32) + ink * np.asarray(tone, np.float32)


def grained(pixels: NDArray[np.float32], random: Random, deviation: float = 3) -> Pixels:
    return (pixels + random.normal(0, deviation, pixels.shape)).clip(0, 255).astype(np.uint8)


def on_paper(ink: Ink, random: Random) -> Pixels:
    return grained(mixed(with_room(ink)), random)


def drawn(size: tuple[int, int], draw: Callable[[ImageDraw.ImageDraw], None]) -> Ink:
    """What is drawn, white on black, as ink."""
    image = Image.new("L", (2 * size[1], 2 * size[0]))
    draw(ImageDraw.Draw(image))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BOX), np.float32) / 255


def black_edge(ink: Ink, random: Random) -> Pixels:
    """The bed of the scanner on all four sides."""
    return np.pad(on_paper(ink, random), int(random.integers(4, 16)), constant_values=8)


def black_side(ink: Ink, random: Random) -> Pixels:
    """The bed of the scanner on one side."""
    width, side = int(random.integers(6, 30)), int(random.integers(4))
    sides = [(0, 0), (0, 0)]
    sides[side // 2] = (width, 0) if side % 2 else (0, width)
    return np.pad(on_paper(ink, random), sides, constant_values=8)


def gutter(ink: Ink, random: Random) -> Pixels:
    """The paper bends into the fold of the book."""
    pixels = mixed(with_room(ink))
    width = int(random.integers(25, 60))
    light = np.ones(pixels.shape[1], np.float32)
    light[:width] = np.linspace(0.1, 1, width) ** 0.7
    return grained(pixels * (light if random.integers(2) else light[::-1]), random)


def rules(ink: Ink, random: Random) -> Pixels:
    """Printed lines between columns, on one side or on both."""
    whole = with_room(ink, 40)
    height, width = whole.shape
    thickness, sides = int(random.integers(3, 9)), int(random.integers(1, 4))

    def draw(pen: ImageDraw.ImageDraw) -> None:
        for side, x in ((1, random.integers(6, 64)), (2, 2 * width - random.integers(6, 64))):
            if sides & side:
                pen.line((int(x), 0, int(x), 2 * height), 255, thickness)

    return grained(mixed(np.maximum(whole, drawn(whole.shape, draw))), random)


def frame(ink: Ink, random: Random) -> Pixels:
    """A printed box around the character."""
    whole = with_room(ink, 40)
    height, width = whole.shape
    thickness, inset = int(random.integers(3, 12)), [int(each) for each in random.integers(8, 60, 4)]

    def draw(pen: ImageDraw.ImageDraw) -> None:
        box = (inset[0], inset[1], 2 * width - inset[2], 2 * height - inset[3])
        pen.rectangle(box, outline=255, width=thickness)

    return grained(mixed(np.maximum(whole, drawn(whole.shape, draw))), random)


PAPER, BLACK, RED = (226.0, 206.0, 168.0), (42.0, 36.0, 32.0), (190.0, 45.0, 35.0)


def sealed(ink: Ink, seal: Ink, random: Random) -> Pixels:
    """Red that is printed over black ink on brownish paper."""
    pixels = mixed(ink, PAPER, BLACK)
    through = 1 - seal[..., None] * (1 - np.array(RED) / np.array(PAPER))
    return grained((pixels * through).astype(np.float32), random)


def seal_grid(ink: Ink, random: Random) -> Pixels:
    """A seal with red signs."""
    whole = with_room(ink)
    x, y = (int(each) for each in random.integers(10, 120, 2))

    def draw(pen: ImageDraw.ImageDraw) -> None:
        pen.rectangle((2 * x, 2 * y, 2 * x + 200, 2 * y + 200), outline=255, width=12)
        for _ in range(6):
            start, end = random.integers(20, 180, 2), random.integers(20, 180, 2)
            pen.line([(2 * x + int(a), 2 * y + int(b)) for a, b in (start, end)], 255, 11)

    return sealed(whole, drawn(whole.shape, draw), random)


def seal_filled(ink: Ink, random: Random) -> Pixels:
    """A red seal with signs that are left out."""
    whole = with_room(ink)
    x, y = (int(each) for each in random.integers(10, 120, 2))

    def draw(pen: ImageDraw.ImageDraw) -> None:
        pen.ellipse((2 * x, 2 * y, 2 * x + 190, 2 * y + 190), 255)
        pen.line((2 * x + 40, 2 * y + 60, 2 * x + 150, 2 * y + 70), 0, 12)
        pen.line((2 * x + 90, 2 * y + 30, 2 * x + 80, 2 * y + 160), 0, 12)

    return sealed(whole, 0.8 * drawn(whole.shape, draw), random)


def red_dots(ink: Ink, random: Random) -> Pixels:
    """Red marks of punctuation and a red stroke beside the character."""
    whole = with_room(ink)

    def draw(pen: ImageDraw.ImageDraw) -> None:
        for _ in range(2):
            x, y = (int(each) for each in random.integers(30, 400, 2))
            pen.ellipse((x, y, x + 44, y + 44), 255)
        pen.line((420, 40, 425, 380), 255, 10)

    return sealed(whole, drawn(whole.shape, draw), random)


def in_colours(paper: Sequence[float], tone: Sequence[float]) -> Disguise:
    return lambda ink, others, random: grained(mixed(with_room(ink), paper, tone), random)


def hard_shadow(ink: Ink, random: Random) -> Pixels:
    """Over a corner, its edge sharp."""
    pixels = mixed(with_room(ink), 220, 40)
    height, width = pixels.shape
    y, x = np.mgrid[:height, :width] / height
    reach, turn = random.uniform(0.5, 1.1), int(random.integers(4))
    shade = np.rot90(np.where(random.uniform(0.6, 1.4) * x + y < reach, random.uniform(0.4, 0.6), 1.0), turn)
    return grained((pixels * shade).astype(np.float32), random, 2)


def soft_shadow(ink: Ink, random: Random) -> Pixels:
    """Light from one side."""
    pixels = mixed(with_room(ink), 225, 35)
    shade = np.rot90(np.linspace(0.35, 1, pixels.shape[1])[None].repeat(pixels.shape[0], 0), random.integers(4))
    return grained((pixels * shade).astype(np.float32), random, 2)


def stain(ink: Ink, random: Random) -> Pixels:
    """Water that dried, its edge darker."""
    whole = with_room(ink)
    height, width = whole.shape
    y, x = np.mgrid[:height, :width] / height
    cy, cx, radius = random.uniform(0.2, 0.8), random.uniform(0.2, 0.8), random.uniform(0.2, 0.45)
    away = np.hypot(y - cy, x - cx) + 0.03 * np.sin(7 * np.arctan2(y - cy, x - cx))
    inside = 1 / (1 + np.exp((away - radius) / 0.01))
    rim = np.exp(-(((away - radius) / 0.02) ** 2))
    shade = 1 - 0.25 * inside - 0.15 * rim
    return grained(mixed(whole, PAPER, BLACK) * shade[..., None].astype(np.float32), random)


def bleeding(ink: Ink, other: Ink, random: Random, strength: float) -> Pixels:
    turned = Image.fromarray((255 * other[:, ::-1]).astype(np.uint8))
    behind = np.asarray(turned.filter(ImageFilter.GaussianBlur(2)), np.float32)
    through = np.roll(with_room(strength * behind / 255), random.integers(-40, 40, 2).tolist(), (0, 1))
    whole = with_room(ink)
    return grained(mixed(1 - (1 - whole) * (1 - through)), random)


def microfilm(ink: Ink, random: Random) -> Pixels:
    """A negative with grain and scratches, the edge of its mask bright."""
    pixels = 255 - mixed(with_room(ink), 215, 50)
    for x in random.integers(0, pixels.shape[1], 2):
        pixels[:, x] += 40
    pixels = np.pad(pixels, int(random.integers(4, 12)), constant_values=250)
    return grained(pixels, random, 10)


def halftone(ink: Ink, random: Random) -> Pixels:
    """Printed in dots."""
    pixels = mixed(with_room(ink), 225, 40) / 255
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    pitch = random.uniform(4, 6)
    screen = (np.cos(np.pi * (x + y) / pitch) * np.cos(np.pi * (x - y) / pitch) + 1) / 2
    return np.where(pixels > screen, 245, 20).astype(np.uint8)


def dithered(ink: Ink, random: Random) -> Pixels:
    """Black and white alone, by Floyd and Steinberg."""
    return np.asarray(Image.fromarray(on_paper(ink, random).clip(0, 225)).convert("1").convert("L"))


def low_resolution(ink: Ink, random: Random) -> Pixels:
    gray, side = Image.fromarray(on_paper(ink, random)), int(random.integers(26, 40))
    return np.asarray(gray.resize((side, side), Image.Resampling.BOX))


def jpeg(ink: Ink, random: Random) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(on_paper(ink, random)).save(file, "JPEG", quality=8)
    return np.asarray(Image.open(file))


def trimmed(ink: Ink) -> Ink:
    """Without the free columns beside it, and rows above it and below."""
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else ink


def cut_close(ink: Ink, random: Random) -> Pixels:
    """No room around it, on paper with a grain, at a size that characters have on scans of pages."""
    close = Image.fromarray(trimmed(ink))
    close.thumbnail((72, 72), Image.Resampling.BOX)
    return grained(mixed(np.asarray(close).clip(0, 1), 190, 60), random, 10)


def strip(inks: Sequence[Ink], random: Random, axis: int = 0) -> Pixels:
    """Characters one below the other, as in a column, or side by side."""
    inks = [trimmed(ink) for ink in inks]
    width = max(ink.shape[1 - axis] for ink in inks)
    gap = int(random.integers(4, 24))
    parts = []
    for ink in inks:
        free = width - ink.shape[1 - axis]
        sides = (free // 2, free - free // 2)
        parts.append(np.pad(ink, ((0, gap), sides) if axis == 0 else (sides, (0, gap))))
    return on_paper(np.concatenate(parts, axis=axis), random)


def with_neighbour(ink: Ink, other: Ink, random: Random) -> Pixels:
    """The crop has a part of the next character too."""
    ink, other = trimmed(ink), trimmed(other)
    width = max(ink.shape[1], other.shape[1])
    both = [np.pad(each, ((0, 14), (0, width - each.shape[1]))) for each in (ink, other)]
    whole = with_room(np.concatenate(both))
    end = ROOM + ink.shape[0] + 14 + int(random.uniform(0.15, 0.4) * other.shape[0])
    return grained(mixed(whole[:end]), random)


def alone(draw: Callable[[Ink, Random], Pixels]) -> Disguise:
    return lambda ink, others, random: draw(ink, random)


DISGUISES: dict[str, Disguise] = {
    "plain": alone(on_paper),
    "black edge": alone(black_edge),
    "black side": alone(black_side),
    "gutter": alone(gutter),
    "rules": alone(rules),
    "frame": alone(frame),
    "red seal, lines": alone(seal_grid),
    "red seal, filled": alone(seal_filled),
    "red dots": alone(red_dots),
    "red on green": in_colours((70.0, 120.0, 70.0), (200.0, 60.0, 60.0)),  # of one brightness
    "red ink": in_colours(PAPER, RED),
    "blue pencil": in_colours((240.0, 238.0, 230.0), (90.0, 120.0, 200.0)),
    "hard shadow": alone(hard_shadow),
    "soft shadow": alone(soft_shadow),
    "stain": alone(stain),
    "bleed-through": lambda ink, others, random: bleeding(ink, others[0], random, 0.25),
    "strong bleed-through": lambda ink, others, random: bleeding(ink, others[0], random, 0.45),
    "microfilm negative": alone(microfilm),
    "halftone": alone(halftone),
    "dithered": alone(dithered),
    "low resolution": alone(low_resolution),
    "JPEG": alone(jpeg),
    "cut close": alone(cut_close),
    "part of the next": lambda ink, others, random: with_neighbour(ink, others[0], random),
    "two in a column": lambda ink, others, random: strip([ink, others[0]], random),
    "three in a column": lambda ink, others, random: strip([ink, *others], random),
    "two side by side": lambda ink, others, random: strip([ink, others[0]], random, axis=1),
}
SEVERAL = {"two in a column": 2, "three in a column": 3, "two side by side": 0}
"""Of these no answer is right, but of so many in a column that which they are together."""
TOGETHER = {"一一": "二", "一二": "三", "二一": "三", "一一一": "三"}


# Measuring


def measure(
    pool: ProcessPoolExecutor, wanted: Sequence[tuple[str, str]], name: str, limit: int
) -> dict[str, list[float]]:
    """Of each network on each data set, for a disguise: percent right, sure, sure and wrong; and how many images."""
    found: dict[str, list[float]] = {}
    for data in dict.fromkeys(data for _, data in wanted):
        models = [model for model, its in wanted if its == data]
        numbers = even(len(test_images(data)), limit)
        parts = [numbers[start : start + _AT_ONCE] for start in range(0, len(numbers), _AT_ONCE)]
        told = [pool.submit(outcomes, models, data, name, part) for part in parts]
        each = [every.result() for every in told]
        for model in models:
            right, sure = np.concatenate([every[model] for every in each], axis=1)
            shares = (right, sure, sure & ~right)
            found[f"{model} on {data}"] = [*(round(100 * float(np.mean(share)), 2) for share in shares), len(numbers)]
    return {f"{model} on {data}": found[f"{model} on {data}"] for model, data in wanted}


def outcomes(models: Sequence[str], data: str, name: str, numbers: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """Of each network, (2, N): whether its answer is right, and whether it is sure, for some images in a disguise."""
    test = test_images(data)
    actual = [test.classes[label] for label in test.labels[numbers]]
    scans = list(prepared(test.images, name, numbers))
    if name in SEVERAL:  # none that there is a doubt of is sure
        columns = [test.labels[(number + np.arange(SEVERAL[name])) % len(test)] for number in numbers]
        actual = [TOGETHER.get("".join(test.classes[label] for label in column), "") for column in columns]
        scans = [None if scan is None or scan.doubt else scan for scan in scans]
    found = {}
    for model, answers in asked(models, scans).items():
        is_right = [bool(answer) and answer[0].character == one for answer, one in zip(answers, actual, strict=True)]
        found[model] = np.array([is_right, [bool(answer) and not answer.unsure for answer in answers]])
    return found


@cache
def test_images(data: str) -> CharacterImages:
    return kuzushiji.load(data, "test")


@cache
def network(model: str) -> Recognizer:
    return Recognizer(model, threads=1)


@cache
def combined() -> Combined:
    return Combined(threads=1)


def logits_of(models: Iterable[str], scans: Sequence[CharacterScan | None]) -> tuple[list[int], dict[str, np.ndarray]]:
    """Which of some scans are asked about, those that are read and not blank, and what each network says of these."""
    models = list(models)
    sizes = list(dict.fromkeys(network(model).description.image_size for model in models))
    cuts = [[] if scan is None else cut_character_to(scan.gray, sizes) for scan in scans]
    inked = [number for number, of_one in enumerate(cuts) if of_one and all(each.any() for each in of_one)]
    images = {size: np.stack([cuts[number][place] for number in inked]) for place, size in enumerate(sizes) if inked}
    return inked, {
        model: network(model).logits(images[network(model).description.image_size]) for model in models if inked
    }


def asked(models: Sequence[str], scans: Sequence[CharacterScan | None]) -> dict[str, list[Recognition]]:
    """What each network, or `all` together, says of scans; an empty answer of what is left out or blank."""
    parts = [each.path.stem for each in combined().special]
    needed = {model for model in models if model != "all"} | ({"page", *parts} if "all" in models else set())
    inked, logits = logits_of(sorted(needed), scans)
    doubts = [scans[number].doubt for number in inked]  # type: ignore[union-attr]
    return {model: spread(len(scans), inked, answers(model, logits, doubts)) for model in models}


def answers(model: str, logits: Mapping[str, np.ndarray], doubts: Sequence[str]) -> list[Recognition]:
    """What a network, or `all` together, says of images of which the logits are known."""
    if not doubts:
        return []
    if model != "all":
        return list(network(model).recognitions(logits[model], 1, doubts))
    one = combined()
    probabilities = one.mixed(
        network("page").calibrated(logits["page"]), lambda number, some: logits[one.special[number].path.stem][some]
    )
    return list(recognitions_of(probabilities, one.classes, 1, one.unsure_below, doubts))


def spread(count: int, places: Sequence[int], found: Sequence[Recognition]) -> list[Recognition]:
    """Each at its place among so many; the others are empty."""
    answers = [Recognition((), unsure=True)] * count
    for place, each in zip(places, found, strict=True):
        answers[place] = each
    return answers


def even(count: int, limit: int) -> NDArray[np.int64]:
    """An even choice of so many images: at most `limit`, all if that is 0."""
    return np.unique(np.linspace(0, count - 1, min(limit or count, count)).astype(np.int64))


def prepared(images: Pixels, name: str, numbers: Iterable[int] | None = None) -> Iterator[CharacterScan | None]:
    """Each image in a disguise, or some of them, as it is read; None where it is refused."""
    for number in range(len(images)) if numbers is None else numbers:
        try:
            yield read_character(disguised(images, number, name))
        except DataError:
            yield None


def unmeasured(count: int, limit: int) -> NDArray[np.int64]:
    """An even choice of at most `limit` test images, all if that is 0, of those that are not measured here."""
    others = np.setdiff1d(np.arange(count), even(count, COUNT))
    return others[even(len(others), limit)]


def disguised(images: Pixels, number: int, name: str) -> Pixels:
    """An image of a data set in a disguise, always the same."""
    inks = [enlarged(images[(number + step) % len(images)]) for step in (0, 1, 2)]
    return DISGUISES[name](inks[0], inks[1:], np.random.default_rng([number, *name.encode()]))


def draw_sheet(path: Path, count: int = 8, side: int = 110) -> None:
    """Some images in each disguise, a line each, of both data sets."""
    images = [np.asarray(kuzushiji.load(name, "test").images[:600:75]) for name in ("kmnist6k", "kkanji")]
    sheet = Image.new("RGB", (2 * count * side, len(DISGUISES) * side), "blue")
    for row, name in enumerate(DISGUISES):
        for column in range(2 * count):
            image = Image.fromarray(disguised(images[column % 2], column // 2, name)).convert("RGB")
            image.thumbnail((side - 4, side - 4))
            sheet.paste(image, (column * side, row * side))
    sheet.save(path)


if __name__ == "__main__":
    main()
