"""Images that show none of the characters that a network knows: what it must not be sure of.

All are square, bright ink on black, and fill their frame as the characters of Kuzushiji-MNIST do.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from kuzushiji.characters import parents
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.synthetic import brush
from kuzushiji.errors import UsageError
from kuzushiji.imaging.cut import to_square

LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BRUSH_SAMPLES = 100
FEWEST_KANA = 5

Pixels = NDArray[np.uint8]


def strangers(data: CharacterImages, known: Collection[str], count: int, *, side: int, seed: int = 0) -> Pixels:
    """Images of characters that are not known, at most `count`, drawn at random.

    Where kana are known, their parent kanji are not taken for strangers: in cursive they are forms of these kana.

    Args:
        data: any images.
        known: the characters that are known.
        side: the images are brought to so many pixels a side.

    Returns:
        (N, side, side), empty if no image shows a stranger.
    """
    forms = {parent for character in known for parent in parents(character)}
    strange = np.array([character not in known and character not in forms for character in data.classes], dtype=bool)
    places = np.flatnonzero(strange[data.labels])
    chosen = np.sort(np.random.default_rng(seed).permutation(places)[:count])
    return _stacked([to_square(image, side) for image in data.images[chosen]], side)


def brush_strangers(known: Collection[str], count: int, *, side: int, seed: int = 0) -> Pixels:
    """As `strangers`, of the kana of the embedded set; of those without a known parent kanji, whose form they can take.

    Returns:
        (N, side, side), empty if all kana but a few are known, or may look like what is.
    """
    every = brush.SHAPES["k49"].classes
    familiar = {*known, *(character for character in every if not set(known).isdisjoint(parents(character)))}
    if len(set(every) - familiar) < FEWEST_KANA:
        return _stacked([], side)
    kana = brush.make("k49", "test", samples_per_class=BRUSH_SAMPLES, seed=seed)
    return strangers(kana, familiar, count, side=side, seed=seed)


def turned(images: Pixels, *, seed: int = 0) -> Pixels:
    """Each image turned by a quarter, a half or three quarters, drawn at random.

    Args:
        images: (N, side, side).
    """
    quarters = np.random.default_rng(seed).integers(1, 4, len(images))
    every = np.stack([np.rot90(images, quarter, axes=(1, 2)) for quarter in (1, 2, 3)])
    return every[quarters - 1, np.arange(len(images))]


def letters(count: int, fonts: Sequence[Path], *, side: int, seed: int = 0) -> Pixels:
    """Latin letters, each with a font, weight, slant and turn of its own, (count, side, side).

    Args:
        fonts: files of TrueType fonts that have these letters.

    Raises:
        UsageError: there is no font.
    """
    if not fonts:
        raise UsageError("letters cannot be drawn without a font")
    generator = np.random.default_rng(seed)
    scale = 2 * side  # drawn larger, so that what is turned stays smooth
    loaded = [ImageFont.truetype(str(font), scale) for font in fonts]
    drawn = []
    for _ in range(count):
        font, letter = loaded[generator.integers(len(loaded))], LATIN[generator.integers(len(LATIN))]
        canvas = Image.new("L", (3 * scale, 3 * scale))
        weight = int(generator.integers(0, scale // 20 + 1))
        middle = 1.5 * scale
        ImageDraw.Draw(canvas).text((middle, middle), letter, 255, font, anchor="mm", stroke_width=weight)
        slant, turn = generator.normal(0, 0.12), generator.normal(0, 6)
        sheared = canvas.transform(
            canvas.size, Image.Transform.AFFINE, (1, slant, -slant * middle, 0, 1, 0), Image.Resampling.BILINEAR
        ).rotate(turn, Image.Resampling.BILINEAR)
        left, top, right, bottom = sheared.getbbox() or (0, 0, *canvas.size)
        longer = max(right - left, bottom - top)
        x, y = (left + right - longer) // 2, (top + bottom - longer) // 2
        drawn.append(to_square(np.asarray(sheared.crop((x, y, x + longer, y + longer))), side))
    return _stacked(drawn, side)


def blots(count: int, *, side: int, seed: int = 0) -> Pixels:
    """Blots of ink without meaning, about as fine as strokes, (count, side, side)."""
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in range(count):
        nodes = int(generator.integers(4, 10))
        rough = Image.fromarray(generator.random((nodes, nodes), dtype=np.float32))
        smooth = np.asarray(rough.resize((side, side), Image.Resampling.BICUBIC))
        # A quarter or so is ink, as of a character; its edge is as steep.
        threshold = np.quantile(smooth, generator.uniform(0.65, 0.85))
        drawn.append((np.clip((smooth - threshold) * side / nodes + 0.5, 0, 1) * 255).astype(np.uint8))
    return _stacked(drawn, side)


def noise(count: int, *, side: int, seed: int = 0) -> Pixels:
    """Pixels at random, (count, side, side)."""
    return np.random.default_rng(seed).integers(0, 256, (count, side, side), dtype=np.uint8)


def blank(count: int, *, side: int, seed: int = 0) -> Pixels:
    """Paper without ink, more or less grained, (count, side, side)."""
    generator = np.random.default_rng(seed)
    grain = generator.integers(0, 40, (count, 1, 1))
    return (generator.random((count, side, side)) * grain).astype(np.uint8)


def _stacked(images: Sequence[Pixels], side: int) -> Pixels:
    return np.stack(images) if images else np.empty((0, side, side), np.uint8)
