"""The brush fonts, and characters as they write them.

Debian packages them:  apt-get install fonts-kouzan-mouhitsu fonts-aoyagi-kouzan-t fonts-aoyagi-soseki fonts-hanazono.
The brush fonts are by Kouzan Aoyagi, who put them in the public domain; the hentaigana are those of Hanazono Mincho
(GlyphWiki), whose licence permits every use without limit.
"""

import sys
from pathlib import Path

from PIL import ImageFont

from kuzushiji.data.synthetic import brush_fonts

FOLDER = brush_fonts.FONTS
BRUSH = {name: file for name, (file, _) in brush_fonts.BRUSHES.items()}
draw = brush_fonts.draw
HENTAIGANA = {"hentaigana": "hanazono/HanaMinA.ttf"}


def open_font(path: Path, size: int) -> tuple[ImageFont.FreeTypeFont, set[str]]:
    """A font at so many pixels, and the characters that it names; the program ends if the file is missing."""
    if not path.exists():
        sys.exit(f"{path} is missing; the fonts are in the Debian packages named at the top of {__file__}")
    return brush_fonts.open_font(path, size)
