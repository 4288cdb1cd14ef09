"""Characters as brush fonts write them: training images for those that hardly any book has.

`brush:kanji` has those of Kuzushiji-Kanji, of which the five fonts draw 3,795 of 3,832, from regular script to the most
cursive; `brush:kana` has kana with and without voicing, katakana and marks of iteration.  The fonts are packages of
Debian and do not ship; a set is drawn from them at first use and kept.  They are by Kouzan Aoyagi, who put them in the
public domain.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from kuzushiji import home
from kuzushiji.data.images import CharacterImages, Progress
from kuzushiji.errors import DataError
from kuzushiji.npz import opened_arrays, save_arrays

FONTS = Path("/usr/share/fonts/truetype")
"""Where Debian puts fonts."""

BRUSHES = {
    "sousho": ("kouzan-mouhitsu/KouzanBrushFontSousyo.ttf", "fonts-kouzan-mouhitsu"),
    "gyosho": ("kouzan-mouhitsu/kouzan-mouhitsu-gyosho.ttf", "fonts-kouzan-mouhitsu"),
    "mouhitsu": ("kouzan-mouhitsu/kouzan-mouhitsu.ttf", "fonts-kouzan-mouhitsu"),
    "kouzan": ("aoyagi-kouzan-t/AoyagiKouzanT.ttf", "fonts-aoyagi-kouzan-t"),
    "soseki": ("aoyagi-soseki/aoyagi-soseki.ttf", "fonts-aoyagi-soseki"),
}
"""Name -> file below `FONTS`, and the package of Debian that has it."""

_SMALL = "ぃぅぇぉゃゅょゎィゥェォャュョヮっッ"
"""Kana that are written smaller today, and were not then."""

KANA = "".join(
    each
    for each in [*map(chr, range(0x3042, 0x3094)), *map(chr, range(0x30A2, 0x30F4)), *"ゝゞヽヾ々〻〱○"]
    if each not in _SMALL
)

SIDE = 64
_DRAWN = 192
"""Pixels that a character is drawn at, before it is made small."""


def characters_of(name: str) -> str:
    """The characters of a set of `DRAWN_SETS`."""
    if name == "kana":
        return KANA
    return Path(__file__).with_name("kanji.txt").read_text(encoding="utf-8").strip()


DRAWN_SETS = ("kanji", "kana")


@dataclass(frozen=True)
class BrushFonts:
    """A set that is drawn from brush fonts; training images alone, which add to those of others.

    Attributes:
        name: one of `DRAWN_SETS`.
    """

    name: str

    @property
    def splits(self) -> tuple[str, ...]:
        """train."""
        return ("train",)

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The images, (N, 64, 64), one of each character that a font has, font after font within a character.

        Raises:
            DataError: the fonts are not installed; the message names their packages.
        """
        files = _font_files()
        digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files.values()}
        characters = characters_of(self.name)
        identity = hashlib.sha256("".join([characters, *digests.values()]).encode()).hexdigest()
        kept = home.cache_folder() / f"brush-{self.name}-{identity[:16]}.npz"
        if not kept.is_file():
            images, labels = _drawn(files, characters, progress)
            save_arrays(kept, {"images": images, "labels": labels}, compressed=True)
        with opened_arrays(
            kept, "set of drawn characters", f"kuzushiji data convert brush:{self.name} FOLDER"
        ) as arrays:
            images, labels = arrays["images"], arrays["labels"]
        drawn = np.unique(labels)
        classes = tuple(characters[label] for label in drawn.tolist())
        return CharacterImages(images, np.searchsorted(drawn, labels), classes, f"brush:{self.name}", split, digests)


def _font_files() -> dict[str, Path]:
    files = {name: FONTS / file for name, (file, _) in BRUSHES.items()}
    if lacking := list(dict.fromkeys(BRUSHES[name][1] for name, path in files.items() if not path.is_file())):
        raise DataError(f"brush fonts are missing in {FONTS}; on Debian or Ubuntu: apt-get install {' '.join(lacking)}")
    return files


def _drawn(files: dict[str, Path], characters: str, progress: Progress | None) -> tuple[np.ndarray, np.ndarray]:
    """Images and the places of their characters, in the order of these."""
    fonts = [open_font(path, _DRAWN) for path in files.values()]
    images, labels = [], []
    for label, character in enumerate(characters):
        for font, known in fonts:
            image = draw(font, character, SIDE, SIDE) if character in known else None
            if image is not None:
                images.append(np.asarray(image))
                labels.append(label)
        if progress:
            progress(label + 1, len(characters))
    return np.stack(images), np.array(labels, np.int64)


def open_font(path: Path, size: int) -> tuple[ImageFont.FreeTypeFont, set[str]]:
    """A font at so many pixels, and the characters that it names."""
    from fontTools.ttLib import TTFont

    font = ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
    return font, set(map(chr, TTFont(path).getBestCmap()))


def draw(font: ImageFont.FreeTypeFont, character: str, ink: int, side: int) -> Image.Image | None:
    """A character bright on black, the longer side of its ink `ink` pixels, in the middle of `side` x `side`.

    None where the font has an empty glyph for it, as some of these have for a thousand.
    """
    size = round(font.size)
    canvas = Image.new("L", (3 * size, 3 * size))
    ImageDraw.Draw(canvas).text((size, size), character, font=font, fill=255)
    box = canvas.getbbox()
    if box is None:
        return None
    drawn = canvas.crop(box)
    scale = ink / max(drawn.size)
    width, height = (max(1, round(edge * scale)) for edge in drawn.size)
    image = Image.new("L", (side, side))
    image.paste(drawn.resize((width, height), Image.Resampling.BICUBIC), ((side - width) // 2, (side - height) // 2))
    return image
