"""The images of the pages of PDFs."""

import io

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from kuzushiji.document.formats import pdf as written
from kuzushiji.document.page import ImageRef, truth
from kuzushiji.errors import DataError
from kuzushiji.imaging.pdf import Pdf
from kuzushiji.imaging.read import read_color

SIZE = (403, 601)


def scan(form: str, size: tuple[int, int] = SIZE, **options: object) -> bytes:
    rough = np.random.default_rng(0).integers(0, 255, (12, 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC).save(file, form, **options)
    return file.getvalue()


def page_of(content: bytes) -> bytes | Image.Image:
    with Pdf(content) as pdf:
        assert len(pdf) == 1
        return pdf.page(1)


def pdf_of(image: bytes) -> bytes:
    return written.write(truth(ImageRef("a"), ["あ"], [[9, 9, 30, 40]]), image)


def changed(content: bytes, change) -> bytes:
    """A PDF of one page, to which something was done."""
    document = pypdfium2.PdfDocument(content)
    change(document[0])
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def test_a_jpeg_comes_as_it_is() -> None:
    jpeg = scan("JPEG", dpi=(400, 400))
    assert page_of(pdf_of(jpeg)) == jpeg


def test_other_scans_come_in_their_own_pixels() -> None:
    for dpi in (150, 400):
        png = scan("PNG", dpi=(dpi, dpi))
        found = read_color(page_of(pdf_of(png)))
        assert found.shape == (*SIZE[::-1], 3)
        assert abs(found.astype(int) - read_color(png)).mean() < 1  # a row may come twice


def test_a_page_that_is_turned_or_cut_comes_as_it_is_seen() -> None:
    jpeg = scan("JPEG", dpi=(300, 300))
    turned = read_color(page_of(changed(pdf_of(jpeg), lambda page: page.set_rotation(90))))
    assert turned.shape[:2] == SIZE
    assert abs(turned.astype(int) - np.rot90(read_color(jpeg), -1)).mean() < 2

    def cut(page: pypdfium2.PdfPage) -> None:
        width, height = page.get_size()
        page.set_cropbox(0, 0, width / 2, height)

    half = read_color(page_of(changed(pdf_of(jpeg), cut)))
    assert abs(half.shape[1] - SIZE[0] / 2) <= 1
    assert half.shape[0] == SIZE[1]


def test_a_page_without_a_scan_is_drawn_at_300_dots_an_inch_and_no_finer_than_fits() -> None:
    def blank(width: float, height: float) -> Image.Image:
        document = pypdfium2.PdfDocument.new()
        document.new_page(width, height)
        file = io.BytesIO()
        document.save(file)
        image = page_of(file.getvalue())
        assert isinstance(image, Image.Image)
        return image

    assert blank(72, 144).size == (300, 600)
    assert np.prod(blank(7200, 7200).size) < 1.001 * 2**25


def test_what_cannot_be_opened_is_told() -> None:
    for content, told in (
        (b"%PDF-1.4 and no more", "is a damaged PDF"),
        (pdf_of(scan("JPEG"))[:2000], "is a damaged PDF"),
        (LOCKED, "locked with a password"),
    ):
        with pytest.raises(DataError, match=told):
            Pdf(content)


LOCKED = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj
4 0 obj<</Filter/Standard/V 1/R 2/P -4/O<6d6f74746f6d6f74746f6d6f74746f6d6f74746f6d6f74746f6d6f74746f3132>
/U<00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff>>>endobj
trailer<</Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]/Size 5>>
%%EOF
"""
"""Whose password nobody knows."""
