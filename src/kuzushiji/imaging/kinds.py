"""What kind of file something is, by its first bytes, whatever its name."""

import os
from pathlib import Path

READ = ("PNG", "JPEG", "JPEG 2000", "WebP", "TIFF", "BMP", "GIF", "AVIF")
"""Kinds of images that are read."""

ALSO = {
    "HEIC": "save it as JPEG or PNG",
    "JPEG XL": "save it as JPEG or PNG",
    "PDF": "`kuzushiji read` reads its pages; elsewhere make images of them, such as with pdftoppm",
    "DjVu": "make images of its pages, such as with ddjvu",
    "Photoshop": "save it as TIFF or PNG",
    "icon": "save it as PNG",
    "netpbm": "save it as PNG",
}
"""Further kinds that show writing, and what to do with them."""

LONGEST = 32
"""As many of the first bytes tell."""

_BEGINNINGS = {
    b"\x89PNG\r\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"\0\0\0\x0cjP": "JPEG 2000",
    b"\xffO\xffQ": "JPEG 2000",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"GIF8": "GIF",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"%PDF-": "PDF",
    b"AT&TFORM": "DjVu",
    b"8BPS": "Photoshop",
    b"\0\0\1\0": "icon",
}
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
    (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), "HEIC"
)
"""Of files whose fifth byte on is `ftyp`."""


def kind_of(beginning: bytes) -> str | None:
    """The kind of a file, one of `READ` or `ALSO`; None if it is no image that is known here.

    Args:
        beginning: its first `LONGEST` bytes, or more.
    """
    for start, kind in _BEGINNINGS.items():
        if beginning.startswith(start):
            return kind
    if beginning[4:8] == b"ftyp":
        return _BRANDS.get(beginning[8:12])
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return "WebP"
    if beginning[:2] == b"BM" and beginning[6:10] == bytes(4):
        return "BMP"
    if beginning[:1] == b"P" and beginning[1:2] in b"123456" and beginning[2:3].isspace():
        return "netpbm"
    return None


def kind_of_file(path: str | os.PathLike[str]) -> str | None:
    """As `kind_of`, of a file; None also if it can't be read."""
    try:
        with Path(path).open("rb") as file:
            return kind_of(file.read(LONGEST))
    except OSError:
        return None
