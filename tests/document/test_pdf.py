"""PDF: the scan as it is, and whatever stands on it is found where it stands."""

import io
import re
import shutil
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from PIL import ExifTags, Image

from kuzushiji.data.pages.tables import list_pages
from kuzushiji.document.formats import pdf
from kuzushiji.document.order import arrange
from kuzushiji.document.page import Direction, ImageRef, Page, truth, with_lines
from kuzushiji.errors import DataError, UsageError
from kuzushiji.imaging.read import read_color
from tests.document.made_up import pages

LINES = ("此花はをか〱ゝ", "龍𛀂𠮟もし", "ヿ㐂゙𪚲")
SIZE = (400, 500)


def scan(kind: str = "JPEG", mode: str = "RGB", size: tuple[int, int] = SIZE, **how: object) -> bytes:
    """Four tones, so that it shows which side is up."""
    tones = np.kron([[250, 180], [100, 20]], np.ones((size[1] // 2, size[0] // 2))).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(tones).convert(mode).save(out, kind, **how)
    return out.getvalue()


def page(direction: Direction = "vertical-rl", lines: tuple[str, ...] = LINES) -> Page:
    """Lines side by side; the gaps between their characters are uneven."""
    boxes, members = [], []
    for line, text in enumerate(lines):
        members.append(("main", range(len(boxes), len(boxes) + len(text))))
        for place in range(len(text)):
            on, across = 12 + 45 * place + 30 * (place > 2), 20 + 60 * line
            boxes.append(
                {
                    "vertical-rl": (340 - across + place, on, 30, 40),
                    "horizontal-lr": (on, across, 40, 30),
                    "horizontal-rl": (340 - on, across, 40, 30),
                }[direction]
            )
    plain = truth(ImageRef("頁.jpg", size=SIZE), "".join(lines), boxes)
    return replace(with_lines(plain, members), direction=direction)  # type: ignore[arg-type]


def text_page(content: bytes) -> pypdfium2.PdfTextPage:
    return pypdfium2.PdfDocument(content)[0].get_textpage()


def shown(content: bytes) -> np.ndarray:
    """Its pixels; a trifle less than 300 dpi, for the size is rounded up."""
    return np.asarray(pypdfium2.PdfDocument(content)[0].render(scale=300 / 72 - 1e-6).to_pil().convert("RGB"), float)


@pytest.mark.parametrize("direction", ["vertical-rl", "horizontal-lr", "horizontal-rl"])
def test_a_line_is_found_where_it_stands(direction: Direction) -> None:
    read = page(direction)
    text = text_page(pdf.write(read, scan()))
    lines = text.get_text_bounded().splitlines()
    assert sorted(lines) == sorted(LINES)
    start, count = text.search("花はをか〱").get_next()
    assert count == 5
    for place, box in enumerate(read.characters.boxes[1:6]):
        left, bottom, right, top = np.array(text.get_charbox(start + place)) * 300 / 72
        assert [left, SIZE[1] - top, right - left, top - bottom] == pytest.approx(box.tolist(), abs=2.1)
    assert text.search("花ゝ").get_next() is None


def test_a_slanted_column_is_one_line() -> None:
    boxes = [[200 - 5 * place, 20 + 45 * place, 40, 40] for place in range(9)]
    read = with_lines(truth(ImageRef("a"), "いろはにほへとちり", boxes), [("main", range(9))])
    text = text_page(pdf.write(read, scan()))
    assert text.get_text_bounded() == "いろはにほへとちり"
    middles = [np.mean(np.reshape(text.get_charbox(place), (2, 2)), axis=0) * 300 / 72 for place in range(9)]
    expected = [(left + 20, SIZE[1] - top - 20) for left, top, _, _ in boxes]
    assert np.allclose(middles, expected, atol=1)


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext, of poppler")
@pytest.mark.parametrize("direction", ["vertical-rl", "horizontal-lr", "horizontal-rl"])
def test_another_program_finds_them_too(direction: Direction, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf.write(page(direction), scan()))
    told = subprocess.run(["pdftotext", tmp_path / "a.pdf", "-"], capture_output=True, check=True)
    assert not told.stderr
    assert sorted(told.stdout.decode().split()) == sorted(LINES)


def test_every_column_of_a_real_page_is_found(real_data: Path) -> None:
    read = arrange(list_pages(real_data / "pages" / "books").page("hnsd001-011").truth)
    image = next((real_data / "pages" / "books").rglob(read.image.name))
    content = pdf.write(read, image)
    assert len(content) < image.stat().st_size + 40 * len(read) + 5000
    text = text_page(content)
    for line in read.lines:
        words = "".join(read.characters.best[line.characters].tolist())
        assert text.search(words, match_case=True).get_next(), words


def test_any_page_keeps_all_its_characters() -> None:
    @settings(max_examples=40, deadline=None)
    @given(pages())
    def check(read: Page) -> None:
        read = replace(read, image=replace(read.image, size=None))
        content = pdf.write(read, scan())
        assert len(pypdfium2.PdfDocument(content)) == 1
        said = [name or "〓" for name in read.characters.best.tolist()]
        # Viewers leave out what is outside the sheet, so that the table is asked.
        assert stands_for(content) == said

    check()


def stands_for(content: bytes) -> list[str]:
    """What each glyph of the file stands for."""
    streams = (
        zlib.decompress(each) for each in re.findall(rb"(?s)FlateDecode  /Length .*?stream\n(.*?)\nends", content)
    )
    table = next(each for each in streams if b"begincmap" in each).decode()
    return [bytes.fromhex(each).decode("utf-16-be") for each in re.findall(r"(?m)^<\w{4}> <(\w*)>$", table)]


def test_more_characters_than_a_table_takes_at_once() -> None:
    lines = tuple(chr(0x4E00 + 7 * line) * 7 for line in range(40))
    text = text_page(pdf.write(replace(page(lines=lines), image=ImageRef("a")), scan(size=(4000, 500))))
    assert stands_for(pdf.write(page(lines=lines), scan())) == list("".join(lines))
    assert text.search(lines[5]).get_next() is not None


def test_an_answer_of_several_letters_and_one_that_nobody_named() -> None:
    read = with_lines(truth(ImageRef("a"), ["rare", "", "\ud800"], [[9, 9 + 40 * n, 30, 30] for n in range(3)]), [])
    assert stands_for(pdf.write(truth(ImageRef("a"), ["rare", ""], read.characters.boxes[:2]), scan())) == [
        "rare",
        "〓",
    ]
    assert pypdfium2.PdfDocument(pdf.write(read, scan()))[0].get_textpage().count_chars() >= 5


def test_the_font_is_one() -> None:
    content = pdf.write(page("horizontal-lr"), scan())
    start = content.index(b"/Length1")
    font = zlib.decompress(content[content.index(b"stream\n", start) + 7 :])
    opened = TTFont(io.BytesIO(font), checkChecksums=2)
    glyphs = opened["glyf"]
    count = len("".join(LINES))
    assert opened["maxp"].numGlyphs == count + 1
    assert opened["hmtx"]["glyph00001"][0] == 1500  # 45 of 30 pixels
    assert [len(glyphs[f"glyph{number:05}"].getCoordinates(glyphs)[0]) for number in range(1, count + 1)] == [4] * count


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_is_kept_byte_by_byte(mode: str) -> None:
    content = scan(mode=mode)
    written = pdf.write(page(), content)
    assert content in written
    assert len(written) < len(content) + 5000
    assert written == pdf.write(page(), io.BytesIO(content))
    assert np.abs(shown(written) - read_color(content)).max() <= 2


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "CMYK"), *(("PNG", mode) for mode in ("1", "L", "P", "RGB", "RGBA", "I;16")), ("TIFF", "RGB")],
)
def test_every_other_image_looks_as_it_is_read(kind: str, mode: str) -> None:
    content = scan(kind, mode)
    written = pdf.write(page(), content)
    assert np.abs(shown(written) - read_color(content)).max() <= 1
    assert np.array_equal(shown(pdf.write(page(), read_color(content))), shown(written))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_upright(kind: str, orientation: int) -> None:
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = orientation
    content = scan(kind, size=(400, 200), exif=turned)
    upright = read_color(content)
    written = pdf.write(Page(ImageRef("a", size=upright.shape[1::-1]), page().characters[:0]), content)
    picture = shown(written)
    assert picture.shape == upright.shape
    assert np.abs(picture - upright)[20:-20:7, 20:-20:7].mean() < 3
    assert (content in written) == (kind == "JPEG")


@pytest.mark.parametrize(("dpi", "width"), [(None, 96), (200, 144), (72, 96), (1, 96), (9000, 96)])
def test_a_sheet_is_as_large_as_the_scan_says(dpi: int | None, width: int) -> None:
    content = scan(dpi=(dpi, dpi)) if dpi else scan()
    assert pypdfium2.PdfDocument(pdf.write(page(), content))[0].get_width() == pytest.approx(width)


def test_another_image_and_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"page of \(400, 500\) pixels, and the image has \(200, 100\)"):
        pdf.write(page(), scan(size=(200, 100)))
    for content in (b"no image", b"", scan()[:50], scan("PNG")[:200]):
        with pytest.raises(DataError):
            pdf.write(page(), content)
    with pytest.raises(DataError, match=r"頁.jpg is not a PNG"):
        page().save(tmp_path / "a.pdf", scan=b"no image")
    with pytest.raises(UsageError, match="holds the image"):
        page().save(tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())
    page().save(tmp_path / "a.pdf", scan=scan())
    assert (tmp_path / "a.pdf").read_bytes() == pdf.write(page(), scan())
