"""Draws the characters of a data set as brush fonts write them: training images for those that hardly any book has.

Needs the fonts, which Debian packages:  apt-get install fonts-kouzan-mouhitsu fonts-aoyagi-kouzan-t \
fonts-aoyagi-soseki.  They are by Kouzan Aoyagi, who put them in the public domain; they know 3,795 of the 3,832
characters of Kuzushiji-Kanji, from regular script to the most cursive.

    python tools/draw_brush_kanji.py brush-kanji        # 18,975 images in brush-kanji/train/U+XXXX/FONT.png
    kuzushiji train resnet --data kkanji+brush-kanji    # trains on both, validates and tests on Kuzushiji-Kanji alone
"""

import argparse
import sys
from pathlib import Path

from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

import kuzushiji

FONTS = {
    "sousho": "kouzan-mouhitsu/KouzanBrushFontSousyo.ttf",
    "gyosho": "kouzan-mouhitsu/kouzan-mouhitsu-gyosho.ttf",
    "mouhitsu": "kouzan-mouhitsu/kouzan-mouhitsu.ttf",
    "kouzan": "aoyagi-kouzan-t/AoyagiKouzanT.ttf",
    "soseki": "aoyagi-soseki/aoyagi-soseki.ttf",
}
DRAWN = 192  # pixels that a character is drawn at, before it is made small


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("destination", type=Path, help="a folder that is not there yet")
    parser.add_argument("--data", default="kkanji", help="the data set whose characters are drawn")
    parser.add_argument("--side", type=int, default=64, help="pixels of a side")
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts/truetype"), help="where the fonts are")
    arguments = parser.parse_args()
    if arguments.destination.exists():
        sys.exit(f"{arguments.destination} exists; name a folder that is not there yet")
    characters = kuzushiji.load(arguments.data, "train").classes
    images = 0
    for name, file in FONTS.items():
        path = arguments.fonts / file
        if not path.exists():
            sys.exit(f"{path} is missing; the fonts are in the Debian packages named at the top of this script")
        known = TTFont(path).getBestCmap()
        font = ImageFont.truetype(str(path), DRAWN, layout_engine=ImageFont.Layout.BASIC)
        drawn = 0
        for character in characters:
            image = draw(font, character, arguments.side) if ord(character) in known else None
            if image is None:
                continue
            folder = arguments.destination / "train" / f"U+{ord(character):04X}"
            folder.mkdir(parents=True, exist_ok=True)
            image.save(folder / f"{name}.png")
            drawn += 1
        print(f"{name}: {drawn:,} of {len(characters):,} characters", flush=True)
        images += drawn
    print(f"{images:,} images in {arguments.destination}")


def draw(font: ImageFont.FreeTypeFont, character: str, side: int) -> Image.Image | None:
    """A character as those of the data sets: ink bright on black, as large as fits, in the middle.

    None where the font has an empty glyph for it, as these have for some thousand.
    """
    canvas = Image.new("L", (3 * DRAWN, 3 * DRAWN))
    ImageDraw.Draw(canvas).text((DRAWN, DRAWN), character, font=font, fill=255)
    box = canvas.getbbox()
    if box is None:
        return None
    ink = canvas.crop(box)
    scale = side / max(ink.size)
    small = ink.resize(tuple(max(1, round(edge * scale)) for edge in ink.size), Image.Resampling.BICUBIC)
    image = Image.new("L", (side, side))
    image.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    return image


if __name__ == "__main__":
    main()
