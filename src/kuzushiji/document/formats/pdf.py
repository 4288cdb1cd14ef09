"""PDF: the scan with an invisible layer of text over it, which a viewer finds, marks and copies.

Nothing of the text is drawn, so no font is needed that has its characters.  Each character of the page is a glyph by
itself, a rectangle where it stands, as long as it is until the next one begins, and a table (ToUnicode) says what it
stands for.  So any character can be found, the rarest too, and each line is one string without gaps, in which viewers
would see spaces.  Columns are rows that are turned: many programs measure vertical fonts wrongly, and nobody sees it.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kuzushiji.document.formats.scan import PlacedImage, placed
from kuzushiji.document.formats.text import NAMELESS
from kuzushiji.document.geometry import centres_of
from kuzushiji.document.page import Direction, Page
from kuzushiji.errors import DataError
from kuzushiji.imaging.read import Source
from kuzushiji.version import __version__

_ALONG: dict[Direction, tuple[int, int]] = {"vertical-rl": (0, 1), "horizontal-lr": (1, 0), "horizontal-rl": (-1, 0)}
"""Where a line goes, x to the right and y down."""
_MOST = 0xFFFF
"""Glyphs have numbers of 16 bits, and so have their lengths."""
_EM = 1000
_ASCENT, _DESCENT = 880, -120
_MIDDLE = (_ASCENT + _DESCENT) // 2


@dataclass(frozen=True)
class _Run:
    """Characters in a row.

    Attributes:
        texts: what each says.
        lengths: (n,), of each, to the beginning of the next, in thousandths of `size`.
        boxes: (n, 4), of each the first x and y and the last, from its beginning on the base line, y up, likewise.
        size: that of the font, in pixels.
        start: x and y of the beginning of the row on the base line, in pixels of the page.
        along: the direction of the row, of length 1.
    """

    texts: list[str]
    lengths: NDArray[np.int64]
    boxes: NDArray[np.int64]
    size: float
    start: NDArray[np.float64]
    along: NDArray[np.float64]


def write(page: Page, scan: Source) -> bytes:
    """The content of its file: one page.

    Args:
        page: what it says.
        scan: its image; a JPEG is kept byte by byte, and of any other each pixel.

    Raises:
        DataError: the image can't be read or is another one, or the page has over 65,535 characters; the message goes
            on from the name of the page.
    """
    image = placed(scan)
    if page.image.size not in (None, image.size):
        raise DataError(
            f"is a page of {page.image.size} pixels, and the image has {image.size}; expected that which was read"
        )
    if len(page) > _MOST:
        raise DataError(f"has {len(page):,} characters; a PDF can have {_MOST:,} on a page")
    runs = list(_runs(page))
    sheet = (
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_numbers(*image.points)}] /Contents 4 0 R"
        " /Resources << /XObject << /Scan 5 0 R >> /Font << /Text 6 0 R >> >> >>"
    )
    return _file(
        b"<< /Type /Catalog /Pages 2 0 R /Lang (ja) >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        sheet.encode(),
        _stream(_contents(image, runs), ""),
        _dictionary(image.facts, image.content),
        *_font(runs),
        f"<< /Producer (kuzushiji {__version__}) /Title {_utf16(page.image.name)} >>".encode(),
    )


def _runs(page: Page) -> Iterator[_Run]:
    """The lines in the order of the page, then the characters on no line, each by itself."""
    boxes = page.characters.boxes
    texts: list[str] = [name or NAMELESS for name in page.characters.best.tolist()]
    alone = [slice(number, number + 1) for number in np.flatnonzero(page.characters.line < 0).tolist()]
    for part in [line.characters for line in page.lines] + alone:
        if part.stop > part.start:
            yield _run(list(texts[part]), boxes[part], page.direction)


def _run(texts: list[str], boxes: NDArray[np.float64], direction: Direction) -> _Run:
    centres = centres_of(boxes)
    along = centres[-1] - centres[0]
    if not along.any():
        along = np.array(_ALONG[direction], float)
    along /= np.hypot(*along)
    up = np.array([along[1], -along[0]])
    sizes = np.maximum(boxes[:, 2:], 1)
    halves, heights = sizes @ abs(along) / 2, sizes @ abs(up) / 2
    size = float(np.median(heights) * 2)
    place, height = (centres - centres[0]) @ along, (centres - centres[0]) @ up
    starts = np.maximum.accumulate(place - halves)  # no character may begin before the one that it follows
    bounds = np.array([place - halves - starts, height - heights, place + halves - starts, height + heights]).T
    lengths = np.diff(starts, append=(place + halves)[-1])
    return _Run(
        texts,
        np.clip(lengths / size * _EM, 1, _MOST).round().astype(int),
        np.clip(bounds / size * _EM + [0, _MIDDLE, 0, _MIDDLE], -_MOST // 4, _MOST // 4).round().astype(int),
        size,
        centres[0] + along * starts[0] - up * size * _MIDDLE / _EM,
        along,
    )


def _contents(image: PlacedImage, runs: Sequence[_Run]) -> bytes:
    """What is drawn: the image, and the runs in rendering mode 3, invisible."""
    scale, height = image.scale, image.points[1]
    rows = [f"q {_numbers(*image.matrix)} cm /Scan Do Q", "BT", "3 Tr"]
    number = 0
    for run in runs:
        right, down = run.along
        x, y = run.start * scale
        glyphs = "".join(f"{number + place:04X}" for place in range(1, len(run.texts) + 1))
        number += len(run.texts)
        rows += [
            f"/Text {_numbers(run.size * scale)} Tf",
            f"{_numbers(right, -down, down, right, x, height - y)} Tm <{glyphs}> Tj",
        ]
    return "\n".join([*rows, "ET"]).encode()


def _font(runs: Sequence[_Run]) -> Iterator[bytes]:
    """The five objects of the font, from the sixth on; glyph 1 is the first character of the first run."""
    texts = [text for run in runs for text in run.texts]
    lengths = [length for run in runs for length in run.lengths.tolist()]
    boxes = [box for run in runs for box in run.boxes.tolist()]
    yield (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /Unseen /Encoding /Identity-H /DescendantFonts [7 0 R]"
        b" /ToUnicode 10 0 R >>"
    )
    yield (
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Unseen /FontDescriptor 8 0 R /CIDToGIDMap /Identity"
        " /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
        f" /DW {_EM} /W [1 [{' '.join(map(str, lengths))}]] >>"
    ).encode()
    yield (
        f"<< /Type /FontDescriptor /FontName /Unseen /Flags 4 /FontBBox [0 {_DESCENT} {_EM} {_ASCENT}] /ItalicAngle 0"
        f" /Ascent {_ASCENT} /Descent {_DESCENT} /CapHeight {_ASCENT} /StemV 80 /FontFile2 9 0 R >>"
    ).encode()
    font = _true_type(lengths, boxes)
    yield _stream(font, f"/Length1 {len(font)}")
    yield _stream(_to_unicode(texts), "")


def _to_unicode(texts: Sequence[str]) -> bytes:
    """The table of what each glyph stands for, in parts of 100 at most."""
    rows = [f"<{number:04X}> {_utf16(text, mark='')}" for number, text in enumerate(texts, 1)]
    parts = [rows[start : start + 100] for start in range(0, len(rows), 100)]
    head = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap"
        " /CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def"
        " /CMapName /Adobe-Identity-UCS def /CMapType 2 def"
        "\n1 begincodespacerange <0000> <FFFF> endcodespacerange"
    )
    tail = "endcmap CMapName currentdict /CMap defineresource pop end end"
    tables = ["\n".join([f"{len(part)} beginbfchar", *part, "endbfchar"]) for part in parts]
    return "\n".join([head, *tables, tail]).encode()


def _true_type(lengths: Sequence[int], boxes: Sequence[Sequence[int]]) -> bytes:
    """A font with the tables that PDF asks for: glyph 0, which is empty, then a rectangle for each length and box."""
    count = len(lengths) + 1
    outlines = [_rectangle(*box) for box in boxes]
    places = [0, *(len(_rectangle(0, 0, 0, 0)) * number for number in range(count))]
    tables = {
        b"glyf": b"".join(outlines) or bytes(4),
        # Version, revision, check sum (below), magic number, flags, units of an em, two dates, the box around all,
        # style, smallest size, direction, offsets of 32 bits.
        b"head": struct.pack(
            ">IIIIHHqqhhhhHHhhh",
            *(1 << 16, 1 << 16, 0, 0x5F0F3CF5, 0, _EM, 0, 0, 0, _DESCENT, _EM, _ASCENT, 0, 8, 2, 1, 0),
        ),
        b"hhea": struct.pack(
            ">IhhhHhhhhhhhhhhhH", 1 << 16, _ASCENT, _DESCENT, 0, max([_EM, *lengths]), *(0,) * 11, count
        ),
        b"hmtx": struct.pack(f">{2 * count}H", _EM, 0, *(each for length in lengths for each in (length, 0))),
        b"loca": struct.pack(f">{count + 1}I", *places),
        b"maxp": struct.pack(">IH13H", 1 << 16, count, 4, 1, 0, 0, 1, *(0,) * 8),
    }
    directory = struct.pack(">IHHHH", 1 << 16, len(tables), 64, 2, 16 * len(tables) - 64)
    begin = len(directory) + 16 * len(tables)
    body = b""
    for name, table in tables.items():
        padded = table + bytes(-len(table) % 4)
        directory += name + struct.pack(">III", _check_sum(padded), begin + len(body), len(table))
        body += padded
    whole = directory + body
    adjusted = whole.index(struct.pack(">II", 0, 0x5F0F3CF5), begin)
    rest = (0xB1B0AFBA - _check_sum(whole)) & 0xFFFFFFFF
    return whole[:adjusted] + struct.pack(">I", rest) + whole[adjusted + 4 :]


def _rectangle(left: int, bottom: int, right: int, top: int) -> bytes:
    """Its outline: how many, the box, the last point, no instructions, four points by steps of 16 bits."""
    width, height = right - left, top - bottom
    head = struct.pack(">hhhhhHH4B", 1, left, bottom, right, top, 3, 0, *(1,) * 4)
    return head + struct.pack(">8hH", left, width, 0, -width, bottom, 0, height, 0, 0)


def _check_sum(content: bytes) -> int:
    return sum(struct.unpack(f">{len(content) // 4}I", content)) & 0xFFFFFFFF


def _file(*objects: bytes) -> bytes:
    """A PDF of objects, numbered from 1: the first is the catalog, the last tells of the file."""
    content = b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n"
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    count = len(objects) + 1
    return (
        content
        + (
            f"xref\n0 {count}\n0000000000 65535 f \n{table}"
            f"trailer\n<< /Size {count} /Root 1 0 R /Info {count - 1} 0 R >>\nstartxref\n{len(content)}\n%%EOF\n"
        ).encode()
    )


def _stream(content: bytes, facts: str) -> bytes:
    return _dictionary(f"/Filter /FlateDecode {facts}", zlib.compress(content))


def _dictionary(facts: str, content: bytes) -> bytes:
    return b"<< %b /Length %d >>\nstream\n%b\nendstream" % (facts.encode(), len(content), content)


def _utf16(text: str, mark: str = "FEFF") -> str:
    """A text as PDF writes it in hexadecimal, half a surrogate too."""
    return f"<{mark}{text.encode('utf-16-be', 'surrogatepass').hex().upper()}>"


def _numbers(*values: float) -> str:
    return " ".join(f"{value:.3f}".rstrip("0").rstrip(".") for value in values)
