"""Renders the brush glyphs that `kuzushiji.data.synthetic.brush` draws from into one picture and its manifest.

Needs the fonts, which `brush_fonts.py` names, with their makers and how to get them.

Each cell holds one glyph as a signed distance to the edge of its ink, so that strokes can be made thinner or thicker
afterwards: grey level = ZERO + STEPS * distance in pixels, ink above ZERO.  The longer side of the ink is INK pixels.

    python tools/make_brush_atlas.py                 # writes the two files beside src/kuzushiji/data/synthetic/brush.py
    python tools/make_brush_atlas.py --check         # renders, compares, writes nothing
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from brush_fonts import BRUSH, FOLDER, HENTAIGANA, draw, open_font
from numpy.typing import NDArray
from PIL import Image, ImageFont
from scipy.ndimage import distance_transform_edt

from kuzushiji.characters import K49, hentaigana, parents

CELL, INK, COLUMNS = 48, 40, 32
FINER = 8  # distances are measured on a grid so many times finer
ZERO, STEPS = 128, 16
FARTHEST = 4.0  # distances beyond, in pixels, are cut off

FONTS = BRUSH | HENTAIGANA
DRAWN = 512  # pixels that a character is drawn at, before it is made small


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
    fine = draw(font, character, INK * FINER, CELL * FINER)
    if fine is None:
        raise ValueError(f"the font has an empty glyph for {character}")
    inside = np.asarray(fine) >= 128
    distance = (distance_transform_edt(inside) - distance_transform_edt(~inside)) / FINER
    distance = distance.clip(-FARTHEST, FARTHEST).reshape(CELL, FINER, CELL, FINER).mean(axis=(1, 3))
    return np.rint(ZERO + STEPS * distance).astype(np.uint8)


def render(folder: Path) -> tuple[NDArray[np.uint8], dict]:
    """The picture and its manifest."""
    cells, glyphs, fonts = [], {}, {}
    for name, characters in wanted().items():
        path = folder / FONTS[name]
        font, known = open_font(path, DRAWN)
        glyphs[name] = "".join(character for character in characters if character in known)
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
    parser.add_argument("--fonts", type=Path, default=FOLDER, help="folder of the fonts")
    parser.add_argument("--check", action="store_true", help="compare with the files that are there; write nothing")
    arguments = parser.parse_args()
    atlas = Path(__file__).resolve().parent.parent / "src/kuzushiji/data/synthetic/brush_atlas.png"
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
