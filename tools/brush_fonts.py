"""The brush fonts, and characters as they write them.

Debian packages them:  apt-get install fonts-kouzan-mouhitsu fonts-aoyagi-kouzan-t fonts-aoyagi-soseki fonts-hanazono.
The brush fonts are by Kouzan Aoyagi, who put them in the public domain; the hentaigana are those of Hanazono Mincho
(GlyphWiki), whose licence permits every use without limit.
"""

import sys
from pathlib import Path

from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

FOLDER = Path("/usr/share/fonts/truetype")
BRUSH = {
    "sousho": "kouzan-mouhitsu/KouzanBrushFontSousyo.ttf",
    "gyosho": "kouzan-mouhitsu/kouzan-mouhitsu-gyosho.ttf",
    "mouhitsu": "kouzan-mouhitsu/kouzan-mouhitsu.ttf",
    "kouzan": "aoyagi-kouzan-t/AoyagiKouzanT.ttf",
    "soseki": "aoyagi-soseki/aoyagi-soseki.ttf",
}
HENTAIGANA = {"hentaigana": "hanazono/HanaMinA.ttf"}


def open_font(path: Path, size: int) -> tuple[ImageFont.FreeTypeFont, set[str]]:
    """A font at so many pixels, and the characters that it names; the program ends if the file is missing."""
    if not path.exists():
        sys.exit(f"{path} is missing; the fonts are in the Debian packages named at the top of {__file__}")
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
    fitted = tuple(max(1, round(edge * scale)) for edge in drawn.size)
    image = Image.new("L", (side, side))
    image.paste(drawn.resize(fitted, Image.Resampling.BICUBIC), tuple((side - edge) // 2 for edge in fitted))
    return image
