"""Renders the atlas of brush glyphs that the embedded data is made of.

    apt-get install fonts-kouzan-mouhitsu fonts-hanazono
    python tools/make_brush_atlas.py

For each class of Kuzushiji-49: the kana in three brush cuts, its parent kanji in two cursive ones, and its hentaigana.
The Kouzan fonts are in the public domain (their author waived his copyright); the Hanazono font permits any use, with
or without modification.  The same fonts give the same file, to the byte.
"""

from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw, ImageFont

from kuzushiji.characters import KANA, PARENT_KANJI, hentaigana
from kuzushiji.data.brush import ATLAS, GLYPH_SIZE

FONTS = Path("/usr/share/fonts/truetype")
CUTS = {
    "sousho": FONTS / "kouzan-mouhitsu/KouzanBrushFontSousyo.ttf",
    "gyosho": FONTS / "kouzan-mouhitsu/kouzan-mouhitsu-gyosho.ttf",
    "brush": FONTS / "kouzan-mouhitsu/kouzan-mouhitsu.ttf",
    "hanazono": FONTS / "hanazono/HanaMinA.ttf",
}
MARGIN = 4
"""Empty pixels around the longer side of each glyph, which leave room for thicker strokes."""


def main() -> None:
    fonts = {cut: ImageFont.truetype(str(path), 160) for cut, path in CUTS.items()}
    known = {cut: set(TTFont(path).getBestCmap()) for cut, path in CUTS.items()}
    glyphs, classes, forms = [], [], []
    for kana in [*KANA, "ゝ"]:
        wanted = [(kana, cut) for cut in ("sousho", "gyosho", "brush")]
        wanted += [(parent, cut) for parent in PARENT_KANJI.get(kana, ()) for cut in ("sousho", "gyosho")]
        wanted += [(form, "hanazono") for form in hentaigana(kana)]
        for character, cut in wanted:
            if ord(character) in known[cut] and (glyph := render(character, fonts[cut])) is not None:
                glyphs.append(glyph)
                classes.append(kana)
                forms.append(f"{character} {cut}")
    with open(ATLAS, "wb") as file:
        np.savez_compressed(file, glyphs=np.stack(glyphs), classes=np.array(classes), forms=np.array(forms))
    print(f"{len(glyphs)} glyphs of {len(set(classes))} classes, {ATLAS.stat().st_size:,} bytes")


def render(character: str, font: ImageFont.FreeTypeFont) -> np.ndarray | None:
    """One glyph, bright on black, its longer side as long as the margin allows; None if the font draws nothing."""
    canvas = Image.new("L", (320, 320))
    ImageDraw.Draw(canvas).text((80, 60), character, font=font, fill=255)
    box = canvas.getbbox()
    if box is None:
        return None
    glyph = canvas.crop(box)
    scale = 2 * (GLYPH_SIZE - 2 * MARGIN) / max(glyph.size)
    glyph = glyph.resize([max(1, round(side * scale)) for side in glyph.size], Image.Resampling.LANCZOS)
    square = Image.new("L", (2 * GLYPH_SIZE, 2 * GLYPH_SIZE))
    square.paste(glyph, ((square.width - glyph.width) // 2, (square.height - glyph.height) // 2))
    return np.asarray(square.resize((GLYPH_SIZE, GLYPH_SIZE), Image.Resampling.BOX))


if __name__ == "__main__":
    main()
