"""Renders the brush glyphs that `kuzushiji.data.brush` draws from into one picture and its manifest.

Needs the fonts, which Debian packages:  apt-get install fonts-kouzan-mouhitsu fonts-aoyagi-kouzan-t \
fonts-aoyagi-soseki fonts-hanazono.  The brush fonts are by Kouzan Aoyagi, who put them in the public domain;
the hentaigana are those of Hanazono Mincho (GlyphWiki), whose licence permits every use without limit.

Each cell holds one glyph as a signed distance to the edge of its ink, so that strokes can be made thinner or thicker
afterwards: grey level = ZERO + STEPS * distance in pixels, ink above ZERO.  The longer side of the ink is INK pixels.

    python tools/make_brush_atlas.py                 # writes the two files beside src/kuzushiji/data/brush.py
    python tools/make_brush_atlas.py --check         # renders, compares, writes nothing
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import distance_transform_edt

from kuzushiji.characters import K49, hentaigana, parents

CELL, INK, COLUMNS = 48, 40, 32
FINER = 8  # distances are measured on a grid so many times finer
ZERO, STEPS = 128, 16
FARTHEST = 4.0  # distances beyond, in pixels, are cut off

FONTS = {
    "sousho": "kouzan-mouhitsu/KouzanBrushFontSousyo.ttf",
    "gyosho": "kouzan-mouhitsu/kouzan-mouhitsu-gyosho.ttf",
    "mouhitsu": "kouzan-mouhitsu/kouzan-mouhitsu.ttf",
    "kouzan": "aoyagi-kouzan-t/AoyagiKouzanT.ttf",
    "soseki": "aoyagi-soseki/aoyagi-soseki.ttf",
    "hentaigana": "hanazono/HanaMinA.ttf",
}


def wanted() -> dict[str, list[str]]:
    """Characters to render, by font: kana in every brush hand, parent kanji in the cursive hands, hentaigana."""
    kanji = list(dict.fromkeys(parent for kana in K49 for parent in parents(kana)))
    letters = [letter for kana in K49 for letter, _ in hentaigana(kana)] + ["\U0001b001"]
    return {
        "sousho": [*K49, *kanji],
        "gyosho": [*K49, *kanji],
        "mouhitsu": [*K49],
        "kouzan": [*K49],
        "soseki": [*K49],
        "hentaigana": letters,
    }


def glyph(font: ImageFont.FreeTypeFont, character: str) -> NDArray[np.uint8]:
    """One cell, uint8 (CELL, CELL)."""
    canvas = Image.new("L", (1024, 1024))
    ImageDraw.Draw(canvas).text((256, 256), character, font=font, fill=255)
    ink = canvas.crop(canvas.getbbox())
    scale = INK * FINER / max(ink.size)
    size = tuple(max(1, round(side * scale)) for side in ink.size)
    fine = Image.new("L", (CELL * FINER, CELL * FINER))
    fine.paste(ink.resize(size, Image.Resampling.BICUBIC), tuple((CELL * FINER - side) // 2 for side in size))
    inside = np.asarray(fine) >= 128
    distance = (distance_transform_edt(inside) - distance_transform_edt(~inside)) / FINER
    distance = distance.clip(-FARTHEST, FARTHEST).reshape(CELL, FINER, CELL, FINER).mean(axis=(1, 3))
    return np.rint(ZERO + STEPS * distance).astype(np.uint8)


def render(folder: Path) -> tuple[NDArray[np.uint8], dict]:
    """The picture and its manifest."""
    cells, glyphs, fonts = [], {}, {}
    for name, characters in wanted().items():
        path = folder / FONTS[name]
        if not path.exists():
            sys.exit(f"{path} is missing; the fonts are in the Debian packages named at the top of this script")
        known = TTFont(path).getBestCmap()
        font = ImageFont.truetype(str(path), 512, layout_engine=ImageFont.Layout.BASIC)
        glyphs[name] = "".join(character for character in characters if ord(character) in known)
        cells += [glyph(font, character) for character in glyphs[name]]
        fonts[name] = {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    cells += [np.zeros((CELL, CELL), np.uint8)] * (-len(cells) % COLUMNS)
    sheet = np.stack(cells).reshape(-1, COLUMNS, CELL, CELL).swapaxes(1, 2).reshape(-1, COLUMNS * CELL)
    manifest = {
        "cell": CELL,
        "ink": INK,
        "columns": COLUMNS,
        "zero": ZERO,
        "steps": STEPS,
        "pixels_sha256": hashlib.sha256(sheet.tobytes()).hexdigest(),
        "fonts": fonts,
        "glyphs": glyphs,
    }
    return sheet, manifest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts/truetype"), help="folder of the fonts")
    parser.add_argument("--check", action="store_true", help="compare with the files that are there; write nothing")
    arguments = parser.parse_args()
    atlas = Path(__file__).resolve().parent.parent / "src/kuzushiji/data/brush_atlas.png"
    sheet, manifest = render(arguments.fonts)
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    if arguments.check:
        same = atlas.with_suffix(".json").read_text(encoding="utf-8") == text
        same = same and np.array_equal(np.asarray(Image.open(atlas)), sheet)
        sys.exit(None if same else f"{atlas} is not what this script renders")
    Image.fromarray(sheet).save(atlas, optimize=True)
    atlas.with_suffix(".json").write_text(text, encoding="utf-8")
    print(f"{sum(map(len, manifest['glyphs'].values()))} glyphs, {atlas.stat().st_size / 1e6:.2f} MB: {atlas}")


if __name__ == "__main__":
    main()
