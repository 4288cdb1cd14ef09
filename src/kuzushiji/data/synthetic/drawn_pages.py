"""Drawn pages: as many as asked for, of which it is known where each character stands.

A page takes its layout (which character stands where, and how large) from a real page, its characters from images of
single characters, and its paper from real paper.  What stands on real pages besides is drawn too: ruby, frames and
rules, the edge of the neighbouring page, gutters, the backdrop of the scanner, what shows through from the other side,
stains, worm holes, seals, pictures.  A detector that learns from them must not take any of these for a character.

Pages are drawn at the size at which a detector sees them, where a character has about `CHARACTER` pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from kuzushiji.characters import kind
from kuzushiji.data.images import CharacterImages
from kuzushiji.imaging.ink import CHARACTER

MAIN, RUBY = 0, 1
"""Roles of a character."""

_INKED = 48
"""What is brighter belongs to a glyph."""

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Boxes = NDArray[np.float32]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Layout:
    """Which character stands where on a page.

    Attributes:
        characters: the n characters, in reading order.
        boxes: float32 (n, 4): left, top, width and height in any unit.
    """

    characters: Sequence[str]
    boxes: Boxes

    def __post_init__(self) -> None:
        assert len(self.characters) == len(self.boxes) > 0


@dataclass(frozen=True, eq=False)
class DrawnPage:
    """A page and where each of its characters stands.

    Attributes:
        image: uint8 (H, W), dark ink on bright paper.
        characters: the n characters.
        boxes: float32 (n, 4): left, top, width and height in pixels.
        roles: uint8 (n,), `MAIN` or `RUBY`.
    """

    image: Pixels
    characters: tuple[str, ...]
    boxes: Boxes
    roles: NDArray[np.uint8]


class Glyphs:
    """Images of characters to draw with.

    Args:
        sources: ink bright on black.
    """

    def __init__(self, sources: Sequence[CharacterImages]) -> None:
        self._sources = list(sources)
        self._places: dict[str, list[tuple[int, NDArray[np.int64]]]] = {}
        for number, source in enumerate(self._sources):
            order = np.argsort(source.labels, kind="stable")
            edges = np.searchsorted(source.labels[order], np.arange(len(source.classes) + 1))
            for label, character in enumerate(source.classes):
                if places := order[edges[label] : edges[label + 1]].tolist():
                    self._places.setdefault(character, []).append((number, np.array(places)))
        self.kana = [character for character in self._places if kind(character) == "kana"]
        self._every = list(self._places)

    def __contains__(self, character: str) -> bool:
        return character in self._places

    def draw(self, character: str, random: np.random.Generator) -> Pixels:
        """One image of a character, cut to its ink; of another where there is none of this one."""
        if character not in self._places:
            character = self._every[random.integers(len(self._every))]
        number, places = self._places[character][random.integers(len(self._places[character]))]
        return _cut_to_ink(self._sources[number].images[places[random.integers(len(places))]])


@dataclass(frozen=True, eq=False)
class Material:
    """What pages are drawn from.

    Attributes:
        layouts: of real pages.
        glyphs: the characters.
        papers: gray paper without ink, (H, W) each, of any size.
        pictures: gray cut-outs of illustrations and stamps, on bright paper.
    """

    layouts: Sequence[Layout]
    glyphs: Glyphs
    papers: Sequence[Pixels]
    pictures: Sequence[Pixels] = field(default_factory=tuple)


def draw_page(material: Material, random: np.random.Generator, *, size: float | None = None) -> DrawnPage:
    """Draws a page.

    Args:
        size: usual side of a character in pixels; around `CHARACTER` if None.
    """
    if size is None:
        size = CHARACTER * float(np.exp(random.normal(0, 0.3)))
    layout = _jittered(_pick(material.layouts, random), size, random)
    margins = random.uniform(0.5, 4, 4) * size
    shift = margins[:2] - layout.boxes[:, :2].min(0)
    layout.boxes[:, :2] += shift
    width, height = np.ceil((layout.boxes[:, :2] + layout.boxes[:, 2:]).max(0) + margins[2:]).astype(int).tolist()

    ink = np.zeros((height, width), np.float32)
    hand = _Hand.drawn(random)
    boxes, roles, characters = list(layout.boxes), [MAIN] * len(layout.boxes), list(layout.characters)
    for character, box in zip(layout.characters, layout.boxes, strict=True):
        _paste(ink, material.glyphs.draw(character, random), box, hand, random)
    if random.random() < 0.3:
        _join(ink, layout.boxes, hand, random)
    if random.random() < 0.5:
        for character, box in _ruby(layout, material.glyphs, random):
            _paste(ink, material.glyphs.draw(character, random), box, hand, random)
            characters.append(character)
            boxes.append(box)
            roles.append(RUBY)
    taken = np.array(boxes, np.float32)
    if random.random() < 0.6:
        _frame(ink, layout.boxes, size, random)
    page = _paper(material.papers, (height, width), random)
    if material.pictures and random.random() < 0.3:
        _picture(page, _pick(material.pictures, random), taken, random)
    if random.random() < 0.5:
        page = _shown_through(page, material, size, random)
    ink = _worn(ink, random)
    page = page * (1 - hand.strength * ink)
    page, offset = _surrounded(page, size, random)
    taken[:, :2] += offset
    image = _scanned(page, random)
    return DrawnPage(image, tuple(characters), taken, np.array(roles, np.uint8))


@dataclass(frozen=True)
class _Hand:
    """How all characters of a page are written."""

    weight: float
    softness: float
    strength: float

    @classmethod
    def drawn(cls, random: np.random.Generator) -> "_Hand":
        return cls(
            float(random.uniform(-0.15, 0.3)), float(random.uniform(0.1, 0.6)), float(random.uniform(0.55, 0.97))
        )


def _pick(many: Sequence[T], random: np.random.Generator) -> T:
    return many[int(random.integers(len(many)))]


def _jittered(layout: Layout, size: float, random: np.random.Generator) -> Layout:
    """The layout at the wanted size, each box a little elsewhere; a part of it where it is a long one."""
    boxes = layout.boxes * (size / np.sqrt(np.median(layout.boxes[:, 2] * layout.boxes[:, 3])))
    boxes = boxes * np.tile(np.exp(random.normal(0, 0.06, 2)), 2)
    boxes[:, :2] += random.normal(0, 0.03 * size, (len(boxes), 2))
    boxes[:, 2:] *= np.exp(random.normal(0, 0.04, (len(boxes), 2)))
    return Layout(layout.characters, np.maximum(boxes, [-1e9, -1e9, 3, 3]).astype(np.float32))


def _cut_to_ink(glyph: Pixels) -> Pixels:
    rows, columns = np.flatnonzero(glyph.max(1) > _INKED), np.flatnonzero(glyph.max(0) > _INKED)
    if not len(rows):
        return glyph
    return glyph[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _paste(ink: Floats, glyph: Pixels, box: Boxes, hand: _Hand, random: np.random.Generator) -> None:
    """Puts a glyph where its box is."""
    left, top = round(float(box[0])), round(float(box[1]))
    width, height = max(2, round(float(box[2]))), max(2, round(float(box[3])))
    image = Image.fromarray(glyph)
    if random.random() < 0.5:
        image = image.rotate(float(random.normal(0, 3)), Image.Resampling.BILINEAR)
    alpha = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2), np.float32) / 255
    alpha = np.clip((alpha - 0.5 + hand.weight) / hand.softness + 0.5, 0, 1) * alpha**0.3
    alpha *= random.uniform(0.75, 1)
    _lay(ink, alpha, left, top)


def _lay(ink: Floats, alpha: NDArray[np.floating], left: int, top: int) -> None:
    """Takes the darker of two inks, within the page."""
    height, width = ink.shape
    rows = slice(max(0, top), min(height, top + alpha.shape[0]))
    columns = slice(max(0, left), min(width, left + alpha.shape[1]))
    if rows.start < rows.stop and columns.start < columns.stop:
        part = alpha[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        np.maximum(ink[rows, columns], part, out=ink[rows, columns])


def _join(ink: Floats, boxes: Boxes, hand: _Hand, random: np.random.Generator) -> None:
    """Joins some characters with the next one of their column, as a brush that is not lifted does."""
    image = Image.new("L", (ink.shape[1], ink.shape[0]))
    draw = ImageDraw.Draw(image)
    for upper, lower in pairwise(boxes):
        gap = lower[1] - upper[1] - upper[3]
        if random.random() < 0.5 and abs(gap) < 0.6 * upper[3] and abs(upper[0] - lower[0]) < upper[2]:
            start = upper[0] + upper[2] * random.uniform(0.2, 0.8), upper[1] + upper[3] * 0.9
            end = lower[0] + lower[2] * random.uniform(0.2, 0.8), lower[1] + lower[3] * 0.1
            draw.line([start, end], fill=int(random.integers(120, 255)), width=int(random.integers(1, 3)))
    np.maximum(ink, np.asarray(image.filter(ImageFilter.GaussianBlur(0.6)), np.float32) / 255, out=ink)


def _ruby(layout: Layout, glyphs: Glyphs, random: np.random.Generator) -> list[tuple[str, Boxes]]:
    """Kana to the right of the kanji, each as far as there is room, with their boxes."""
    found = []
    share = random.uniform(0.3, 0.95)
    size = random.uniform(0.3, 0.45)
    for character, (left, top, width, height) in zip(layout.characters, layout.boxes.tolist(), strict=True):
        if kind(character) == "kana" or random.random() > share or not glyphs.kana:
            continue
        side = size * width
        count = int(random.integers(1, 4))
        step = max(height / count, 0.8 * side)
        for number in range(count):
            kana = _pick(glyphs.kana, random)
            tall = side * random.uniform(0.7, 1.4)
            x = left + width * random.uniform(0.98, 1.1)
            y = top + number * step
            found.append((kana, np.array([x, y, side * random.uniform(0.6, 1.1), tall], np.float32)))
    right = layout.boxes[:, 0] + layout.boxes[:, 2]
    bottom = layout.boxes[:, 1] + layout.boxes[:, 3]

    def is_free(box: Boxes) -> bool:
        x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
        within = (layout.boxes[:, 0] < x) & (x < right) & (layout.boxes[:, 1] < y) & (y < bottom)
        return not within.any()

    return [(kana, box) for kana, box in found if is_free(box)]


def _frame(ink: Floats, boxes: Boxes, size: float, random: np.random.Generator) -> None:
    """A frame around the writing, and perhaps rules between the columns and across."""
    height, width = ink.shape
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    tone, thick = int(random.integers(120, 255)), int(random.integers(1, 3))
    low, high = boxes[:, :2].min(0), (boxes[:, :2] + boxes[:, 2:]).max(0)
    room = random.uniform(0.05, 0.6, 4) * size
    left, top, right, bottom = low[0] - room[0], low[1] - room[1], high[0] + room[2], high[1] + room[3]
    draw.rectangle((left, top, right, bottom), outline=tone, width=thick)
    if random.random() < 0.3:
        gap = random.uniform(2, 5)
        draw.rectangle((left - gap, top - gap, right + gap, bottom + gap), outline=tone, width=thick)
    if random.random() < 0.3:  # between the columns
        step = random.uniform(1.2, 2) * size
        for x in np.arange(right - step, left + step / 2, -step).tolist():
            draw.line((x, top, x, bottom), fill=int(0.7 * tone), width=1)
    if random.random() < 0.15:  # a table, or headnotes
        for y in random.uniform(top, bottom, random.integers(1, 4)).tolist():
            draw.line((left, y, right, y), fill=tone, width=thick)
    if random.random() < 0.5:  # the page beside it
        x = right + random.uniform(0.8, 3) * size
        draw.line((x, top, x, bottom), fill=tone, width=thick)
        draw.line((x, top, width, top), fill=tone, width=thick)
        draw.line((x, bottom, width, bottom), fill=tone, width=thick)
    broken = image.filter(ImageFilter.GaussianBlur(float(random.uniform(0.3, 0.9))))
    np.maximum(ink, np.asarray(broken, np.float32) / 255, out=ink)


def _paper(papers: Sequence[Pixels], shape: tuple[int, int], random: np.random.Generator) -> Floats:
    """Real paper, brought to the size of the page, between 0 and 1."""
    height, width = shape
    paper = _pick(papers, random)
    for axis in (0, 1):
        if random.random() < 0.5:
            paper = np.flip(paper, axis)
    rows, columns = (max(2, int(side * random.uniform(0.5, 1))) for side in paper.shape)
    top, left = (
        int(random.integers(whole - part + 1)) for whole, part in zip(paper.shape, (rows, columns), strict=True)
    )
    part = Image.fromarray(np.ascontiguousarray(paper[top : top + rows, left : left + columns]))
    page = np.asarray(part.resize((width, height), Image.Resampling.BICUBIC), np.float32) / 255
    page = page * random.uniform(0.8, 1.1) + random.normal(0, 0.03)
    if random.random() < 0.4:  # stains
        page = page * (1 - random.uniform(0.1, 0.35) * _cloud(shape, int(random.integers(2, 7)), random))
    return np.clip(page, 0.25, 1)


def _cloud(shape: tuple[int, int], nodes: int, random: np.random.Generator) -> Floats:
    """Smooth noise between 0 and 1, mostly 0."""
    rough = Image.fromarray(random.random((nodes, nodes), dtype=np.float32))
    smooth = np.asarray(rough.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))
    return np.clip((smooth - random.uniform(0.4, 0.7)) * random.uniform(2, 6), 0, 1)


def _picture(page: Floats, picture: Pixels, boxes: Boxes, random: np.random.Generator) -> None:
    """Puts a picture or a stamp where no character stands, or where few do."""
    height, width = page.shape
    scale = random.uniform(0.15, 0.6) * min(height / picture.shape[0], width / picture.shape[1])
    size = max(4, round(scale * picture.shape[1])), max(4, round(scale * picture.shape[0]))
    small = (
        np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC, reducing_gap=2), np.float32) / 255
    )
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    for _ in range(12):
        left, top = random.integers(max(1, width - size[0])), random.integers(max(1, height - size[1]))
        inside = ((centres > [left, top]) & (centres < [left + size[0], top + size[1]])).all(1)
        if not inside.any():
            part = page[top : top + size[1], left : left + size[0]]
            paper = max(0.3, float(np.percentile(small, 80)))
            part *= np.clip(small[: part.shape[0], : part.shape[1]] / paper, 0, 1)
            return


def _shown_through(page: Floats, material: Material, size: float, random: np.random.Generator) -> Floats:
    """The writing of the other side, mirrored and faint."""
    other = _jittered(_pick(material.layouts, random), size, random)
    other.boxes[:, :2] -= other.boxes[:, :2].min(0) - random.uniform(0, 3, 2) * size
    ink = np.zeros(page.shape, np.float32)
    hand = _Hand.drawn(random)
    for character, box in zip(other.characters, other.boxes, strict=True):
        _paste(ink, material.glyphs.draw(character, random), box, hand, random)
    blurred = Image.fromarray((255 * ink[:, ::-1]).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(float(random.uniform(0.5, 2)))
    )
    faint = np.float32(random.uniform(0.05, 0.3) / 255)
    return page * (1 - faint * np.asarray(blurred, np.float32))


def _worn(ink: Floats, random: np.random.Generator) -> Floats:
    """Ink that is faint in places, with worm holes that are none."""
    if random.random() < 0.4:
        ink = ink * (1 - random.uniform(0.2, 0.6) * _cloud(ink.shape, int(random.integers(3, 12)), random))
    return ink


def _surrounded(page: Floats, size: float, random: np.random.Generator) -> tuple[Floats, Floats]:
    """The page on the backdrop of a scanner, with the fold on one side; and by how much its pixels moved (x, y)."""
    height, width = page.shape
    left, top, right, bottom = (random.uniform(0, 4, 4) * size * (random.random(4) < 0.5)).astype(int).tolist()
    tone = float(random.choice([0.03, 0.08, 0.35, 0.6])) + random.normal(0, 0.02)
    whole = np.full((height + top + bottom, width + left + right), tone, np.float32)
    whole += np.float32(0.01) * random.standard_normal(whole.shape, dtype=np.float32)
    if random.random() < 0.5:  # the fold
        reach = random.uniform(0.5, 4) * size
        distance = np.arange(width, dtype=np.float32)
        shade = 1 - random.uniform(0.2, 0.8) * np.exp(-distance / reach)
        page = page * (shade if random.random() < 0.5 else shade[::-1])
    whole[top : top + height, left : left + width] = page
    for _ in range(int(random.integers(0, 6)) if left + right else 0):  # the edges of the pages below
        x = random.uniform(0, left) if left and random.random() < 0.5 else left + width + random.uniform(0, right or 1)
        column = min(whole.shape[1] - 1, int(x))
        whole[top : top + height, column] = random.uniform(0.3, 0.9)
    return np.clip(whole, 0, 1), np.array([left, top], np.float32)


def _scanned(page: Floats, random: np.random.Generator) -> Pixels:
    """What a scanner makes of a page: blur, grain, contrast."""
    image = Image.fromarray((255 * np.clip(page, 0, 1)).astype(np.uint8))
    if random.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(float(random.uniform(0.2, 0.8))))
    pixels = np.asarray(image, np.float32)
    grain = random.uniform(0, 6)
    noise = random.standard_normal(pixels.shape, dtype=np.float32)
    pixels = pixels + np.float32(grain) * noise
    pixels = (pixels - 128) * random.uniform(0.8, 1.1) + 128 + random.uniform(-15, 15)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def paper_of(page: Pixels, boxes: Boxes) -> Pixels:
    """The paper of a real page: characters, and whatever else is darker than its surroundings, filled in.

    Args:
        page: uint8 (H, W), gray, dark ink on bright paper.
        boxes: float32 (n, 4) of its characters.
    """
    from scipy.ndimage import uniform_filter

    image = Image.fromarray(page)
    side = max(3, round(float(np.median(boxes[:, 2:])) / 2) if len(boxes) else 9)
    local = np.asarray(image.filter(ImageFilter.BoxBlur(2 * side)), np.float32)
    dark = page < local - 12
    marked = Image.fromarray((255 * dark).astype(np.uint8)).filter(ImageFilter.MaxFilter(5))
    known = 1 - np.asarray(marked, np.float32) / 255
    for left, top, width, height in boxes.round().astype(int).tolist():
        known[max(0, top) : top + height, max(0, left) : left + width] = 0
    filled, weight = page * known, known
    for radius in (side, 2 * side, 6 * side, 20 * side):
        means, weights = (uniform_filter(each, 2 * radius + 1) for each in (filled, weight))
        reached = (weight == 0) & (weights > 1e-3)
        filled = np.where(reached, means / np.maximum(weights, 1e-6), filled)
        weight = np.where(reached, 1, weight).astype(np.float32)
    residue = (page - local)[known > 0]
    grain = float(np.clip(residue.std(), 0, 6)) if residue.size else 2.0
    noise = np.random.default_rng(0).normal(0, grain, page.shape)
    return np.clip(np.where(known > 0, page, filled + noise), 0, 255).astype(np.uint8)
