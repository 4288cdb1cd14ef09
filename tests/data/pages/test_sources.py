"""The images of pages in files, folders, zips and TIFFs of many pages."""

import io
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import ExifTags, Image

from kuzushiji.data.pages.sources import expected_pages, page_images, pages_in
from kuzushiji.errors import DataError, UsageError
from kuzushiji.imaging.read import read_gray


def png(tone: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (8, 6), tone).save(out, "PNG")
    return out.getvalue()


def tones(pages: list) -> list[int]:
    return [int(read_gray(page.content)[0, 0]) for page in pages]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.tif"
    first, *rest = (Image.new("L", (8, 6), tone) for tone in (10, 20, 30, 40))
    first.save(path, save_all=True, append_images=rest)
    return path


def test_folder_in_natural_order_without_litter(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        (tmp_path / f"p{number}.png").write_bytes(png(number))
    (tmp_path / "Thumbs.db").write_bytes(b"litter")
    (tmp_path / "._p1.png").write_bytes(b"litter")
    (tmp_path / "notes.txt").write_text("no page")
    said: list[str] = []
    pages = list(page_images(tmp_path, say=said.append))
    assert [page.name for page in pages] == ["p1", "p2", "p10"]
    assert tones(pages) == [1 * 255, 2, 10]  # a mask of 0 and 1 is told by its highest tone
    assert len(said) == 1
    assert "1 file is no image" in said[0]


def test_pages_of_a_tiff(book: Path) -> None:
    pages = list(page_images(book))
    assert [page.name for page in pages] == ["book-0001", "book-0002", "book-0003", "book-0004"]
    assert tones(pages) == [10, 20, 30, 40]
    assert len({page.sha256 for page in pages}) == 4
    assert tones(list(page_images(book, pages="2-3"))) == [20, 30]
    assert tones(list(page_images(book, pages="1,4"))) == [10, 40]


def test_a_damaged_page_of_a_tiff_is_named_and_the_others_come(tmp_path: Path) -> None:
    path = tmp_path / "book.tif"
    first, *rest = (Image.new("L", (80, 60), tone) for tone in (10, 20, 30))
    first.save(path, save_all=True, append_images=rest)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 9 // 10])
    *whole, damaged = page_images(path)
    assert tones(whole) == [10, 20]
    assert damaged.name == "book-0003"
    assert damaged.failure.startswith(f"page 3 of {path} is damaged")


def test_every_page_of_a_tiff_is_turned_as_its_metadata_asks(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    first, second = (Image.new("L", (8, 6), tone) for tone in (10, 20))
    first.save(tmp_path / "book.tif", save_all=True, append_images=[second], exif=turned)
    assert [read_gray(page.content).shape for page in page_images(tmp_path / "book.tif")] == [(8, 6), (8, 6)]


def test_zip(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "book.zip", "w") as archive:
        archive.writestr("book/2.png", png(20))
        archive.writestr("book/10.png", png(100))
        archive.writestr("__MACOSX/book/._2.png", b"litter")
    pages = list(page_images(tmp_path / "book.zip"))
    assert [page.name for page in pages] == ["2", "10"]
    assert np.array_equal(tones(pages), [20, 100])


def pdf(tmp_path: Path, tones: tuple[int, ...] = (10, 20, 30, 40)) -> Path:
    path = tmp_path / "leaves.pdf"
    first, *rest = (Image.new("L", (80, 60), tone) for tone in tones)
    first.save(path, save_all=True, append_images=rest)
    return path


def test_pages_of_a_pdf(tmp_path: Path) -> None:
    path = pdf(tmp_path)
    pages = list(page_images(path))
    assert [page.name for page in pages] == ["leaves-0001", "leaves-0002", "leaves-0003", "leaves-0004"]
    assert tones(pages) == [10, 20, 30, 40]
    assert len({page.sha256 for page in pages}) == 4
    some = list(page_images(path, pages="2-3"))
    assert tones(some) == [20, 30]
    assert [page.sha256 for page in some] == [page.sha256 for page in pages[1:3]]
    assert [page.sha256 for page in pages_in(path.read_bytes(), "stdin")] == [page.sha256 for page in pages]
    assert expected_pages(path) == 4
    assert expected_pages(path, "2-3,9") == 2


def test_pdfs_in_folders_and_zips(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    pdf(folder, (10, 20))
    with ZipFile(folder / "more.zip", "w") as archive:
        archive.write(folder / "leaves.pdf", "a/book.pdf")
        archive.writestr("b.pdf", b"%PDF-1.4 and no more")
    (folder / "a.png").write_bytes(png(5))
    pages = list(page_images(folder))
    assert [page.name for page in pages] == ["a", "leaves-0001", "leaves-0002", "book-0001", "book-0002", "b"]
    assert pages[-1].failure.startswith(f"b.pdf in {folder / 'more.zip'} is a damaged PDF")
    assert tones(pages[:-1]) == [5, 10, 20, 10, 20]
    assert expected_pages(folder) == 5  # zips are not looked into


def test_books_as_folders(tmp_path: Path) -> None:
    for place in ("b2/p1", "b10/p1", "b10/plates/p1", "p1", "read/p9"):
        path = tmp_path / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(len(place)))
        (path.parent / "notes.txt").write_text("no page")
    (tmp_path / "b2" / "around").symlink_to(tmp_path)
    (tmp_path / "b2" / "damaged.zip").write_bytes(b"PK")
    with ZipFile(tmp_path / "b10" / "more.zip", "w") as archive:
        archive.writestr("a/p1.png", png(5))
    said: list[str] = []
    damaged, *pages = page_images(tmp_path, say=said.append, without=tmp_path / "read")
    places = ["b2/p1", "b10/more/a/p1", "b10/p1", "b10/plates/p1", "p1"]
    assert [page.place for page in pages] == places
    assert damaged.failure.startswith(f"{tmp_path / 'b2' / 'damaged.zip'} is not a whole zip file")
    assert said == [f"{tmp_path}: 4 files are no image and not read (.txt)"]
    assert expected_pages(tmp_path, without=tmp_path / "read") == 6
    assert [page.place for page in page_images(tmp_path / "read", without=tmp_path / "read")] == ["p9"]


def test_a_file_that_cannot_be_read_is_told_of_whatever_its_pages(tmp_path: Path) -> None:
    path = pdf(tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    (page,) = page_images(path, pages="3")
    assert page.failure.startswith(f"{path} is a damaged PDF")


@pytest.mark.parametrize("pages", ["", "0", "5-3", "a", "1,,2", "-2"])
def test_pages_written_wrongly(book: Path, pages: str) -> None:
    with pytest.raises(UsageError, match="3-7,9"):
        list(page_images(book, pages=pages))


def test_what_is_not_there(tmp_path: Path, book: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        list(page_images(tmp_path / "none.png"))
    with pytest.raises(DataError, match="has 4 pages"):
        list(page_images(book, pages="9"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        list(page_images(tmp_path / "empty"))


def test_about_how_many_pages_there_are(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"p{number}.png").write_bytes(png(number))
    assert expected_pages(tmp_path) == 4
    assert expected_pages(tmp_path, "2-3,4,9") == 3
    assert expected_pages(tmp_path / "p1.png") == 1
    assert expected_pages(tmp_path / "none") == 1
