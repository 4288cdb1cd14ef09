"""A page drawn: its image with a frame around each character and a line through them, and beside it what they say."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFont

from kuzushiji.document.formats.text import NAMELESS
from kuzushiji.document.page import Character, Page
from kuzushiji.fonts import japanese_font

SURE, UNSURE, ORDER = "#1b5e8c", "#c0341d", "#1f8f74"
_PAPER, _INK, _MUTED, _FAINT = "#fbfaf7", "#23262b", "#5f656d", "#dedbd3"
_CHARACTER = 40
"""A usual character is drawn with so many pixels a side, where the page then is neither small nor huge:"""
_SMALLEST, _LARGEST = 1200, 2600
"""longer sides of the image."""
_FINER = 2
"""Lines are drawn so many times as large and then made smaller, which smooths them."""


@dataclass(frozen=True)
class _Scale:
    """How a page is drawn.

    Attributes:
        factor: from pixels of the image to those of the picture.
        size: width and height of the image in the picture.
        character: usual side of a character in the picture.
    """

    factor: float
    size: tuple[int, int]
    character: float

    @classmethod
    def of(cls, page: Page, size: tuple[int, int]) -> "_Scale":
        sides = np.sqrt(page.characters.boxes[:, 2:].prod(axis=1))
        usual = float(np.median(sides)) if len(sides) else max(size) / 40
        least, most = _SMALLEST / max(size), _LARGEST / max(size)
        factor = min(max(_CHARACTER / max(usual, 1), least), most)
        width, height = (max(1, round(side * factor)) for side in size)
        return cls(factor, (width, height), usual * factor)


def draw_page(page: Page, pixels: NDArray[np.uint8], *, below: float = 0.5) -> Image.Image:
    """Draws a page as it was scanned, and beside it, or below a wide one, the same page set in type.

    Around what is sure the frame is blue, around what is unsure it is red, and so is what is set in type; a green line
    shows in which order it is read, faint where it leaves a column.

    Args:
        page: the page.
        pixels: uint8 (H, W, 3) or (H, W), its image.
        below: a character is unsure if the probability of its answer is below that.

    Returns:
        An image of mode RGB.
    """
    height, width = pixels.shape[:2]
    scale = _Scale.of(page, (width, height))
    image = Image.fromarray(pixels)
    scan = image.resize(scale.size, Image.Resampling.LANCZOS, reducing_gap=3).convert("RGB")
    unsure = [not each.candidates or each.candidates[0].probability < below for each in page.characters]
    _draw_order(scan, page, scale)
    _draw_frames(scan, page, scale, unsure)
    sheet = _set_in_type(page, scale, unsure)
    gap = max(8, round(scale.character / 2))
    beside = width <= 1.2 * height
    across, down = scale.size
    whole = (2 * across + gap, down) if beside else (across, 2 * down + gap)
    footer = _footer(page, sum(unsure), below, whole[0])
    picture = Image.new("RGB", (whole[0], whole[1] + footer.height), _PAPER)
    picture.paste(scan, (0, 0))
    picture.paste(sheet, (across + gap, 0) if beside else (0, down + gap))
    picture.paste(footer, (0, whole[1]))
    return picture


def _draw_frames(scan: Image.Image, page: Page, scale: _Scale, unsure: list[bool]) -> None:
    width = max(1.0, scale.character / 20)
    for colour, wanted in ((SURE, False), (UNSURE, True)):
        mask = _Mask(scan.size)
        for polygon, is_unsure in zip(page.characters.polygons, unsure, strict=True):
            if is_unsure is wanted:
                mask.line(np.vstack([polygon, polygon[:1]]) * scale.factor, width)
        mask.paint(scan, colour)


def _draw_order(scan: Image.Image, page: Page, scale: _Scale) -> None:
    """Along each line a stroke, from it to the next a faint one, and a dot above the first character."""
    if not len(page):
        return
    centres = page.characters.polygons.mean(axis=1)[page.order] * scale.factor
    lines = page.characters.line[page.order]
    along, between = _Mask(scan.size), _Mask(scan.size)
    for start, end, same in zip(centres[:-1], centres[1:], lines[1:] == lines[:-1], strict=True):
        (along if same else between).line(np.stack([start, end]), max(1.0, scale.character / (16 if same else 24)))
    first = page[0].polygon * scale.factor
    radius = scale.character / 5
    along.dot(np.array([centres[0, 0], first[:, 1].min() - 1.6 * radius]), radius)
    between.paint(scan, ORDER, 0.4)
    along.paint(scan, ORDER, 0.7)


class _Mask:
    """Where a colour goes, drawn finer than it is painted."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._image = Image.new("L", (size[0] * _FINER, size[1] * _FINER))
        self._draw = ImageDraw.Draw(self._image)

    def line(self, points: NDArray[Any], width: float) -> None:
        self._draw.line([tuple(point) for point in (points * _FINER).tolist()], 255, round(width * _FINER), "curve")

    def dot(self, centre: NDArray[Any], radius: float) -> None:
        self._draw.circle((centre * _FINER).tolist(), radius * _FINER, 255)

    def paint(self, image: Image.Image, colour: str, opacity: float = 1) -> None:
        mask = self._image.reduce(_FINER).point(lambda value: round(value * opacity))
        image.paste(colour, (0, 0), mask)


def _set_in_type(page: Page, scale: _Scale, unsure: list[bool]) -> Image.Image:
    """Each character where it stands, about as large as it is."""
    sheet = Image.new("RGB", scale.size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    for character, is_unsure in zip(page.characters, unsure, strict=True):
        text = _drawable(character)
        left, top = character.polygon.min(axis=0) * scale.factor
        right, bottom = character.polygon.max(axis=0) * scale.factor
        # A long stroke is no large character, and a dot no small one, but for ruby.
        side = float(np.clip(np.sqrt((right - left) * (bottom - top)), 0.4 * scale.character, 1.2 * scale.character))
        font = _font(max(6, round(0.95 * side / (1 + 0.5 * (len(text) - 1)))))
        draw.text(((left + right) / 2, (top + bottom) / 2), text, UNSURE if is_unsure else _INK, font, "mm")
    draw.rectangle((0, 0, scale.size[0] - 1, scale.size[1] - 1), outline=_FAINT)
    return sheet


def _footer(page: Page, unsure: int, below: float, width: int) -> Image.Image:
    """What the colours mean, in words, and how much there is of each."""
    size = max(13, min(26, width // 70))
    font = _font(size)
    footer = Image.new("RGB", (width, 2 * size), _PAPER)
    draw = ImageDraw.Draw(footer)
    parts = [
        (_INK, page.image.name),
        (SURE, f"{len(page) - unsure:,} characters"),
        (UNSURE, f"{unsure:,} unsure, below {below:.0%}"),
        (ORDER, "reading order"),
    ]
    left = float(size)
    for colour, text in parts:
        if colour != _INK:
            draw.rectangle((left, 0.6 * size, left + 0.8 * size, 1.4 * size), fill=colour)
            left += 1.2 * size
        draw.text((left, size), text, _MUTED if colour != _INK else _INK, font, "lm")
        left += font.getlength(text) + 1.5 * size
    return footer


def _drawable(character: Character) -> str:
    text = character.text
    return text if text and all(map(_has_glyph, text)) else NAMELESS


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(japanese_font(), size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _has_glyph(character: str) -> bool:
    """Whether the font draws something else than for what is no character at all."""
    font = _font(24)
    shape, none = (font.getmask(each) for each in (character, "\uffff"))
    if shape.size != none.size:
        return True
    return ImageChops.difference(_as_image(shape), _as_image(none)).getbbox() is not None


def _as_image(mask: Any) -> Image.Image:
    return Image.frombytes("L", mask.size, bytes(mask))
