"""Pages at addresses: images, PDFs and manifests, fetched once and politely."""

import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from kuzushiji import fetch
from kuzushiji.data.pages import web
from kuzushiji.data.pages.sources import PageImage, expected_pages, page_images
from kuzushiji.errors import DataError
from kuzushiji.imaging.read import read_gray
from tests.imageserver import Library, library


def jpeg(tone: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (80, 60), tone).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    monkeypatch.setenv("KUZUSHIJI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(web, "PAUSE_SECONDS", 0.0)
    with library() as server:
        yield server


def tones(pages: list[PageImage]) -> list[int]:
    return [int(read_gray(page.content)[0, 0]) for page in pages]


@pytest.mark.parametrize("version", [2, 3])
def test_pages_of_a_manifest_are_fetched_once(books: Library, version: int) -> None:
    url = books.add_book("/iiif/2537625/manifest.json", version, a=jpeg(10), b=jpeg(20), c=jpeg(30))
    assert expected_pages(url, "2-9") == 2
    pages = list(page_images(url, pages="2-3"))
    assert [page.name for page in pages] == ["2537625-0002", "2537625-0003"]
    assert tones(pages) == [20, 30]
    assert {page.suffix for page in pages} == {".jpg"}
    size = "full" if version == 2 else "max"
    wanted = ["/iiif/2537625/manifest.json", *(f"/image/{name}/full/{size}/0/default.jpg" for name in "bc")]
    assert books.asked == wanted
    assert all(agent.startswith("kuzushiji/") for agent in books.agents)
    assert len(list(page_images(url))) == 3
    assert books.asked == [*wanted, f"/image/a/full/{size}/0/default.jpg"]


def test_a_manifest_in_a_file(books: Library, tmp_path: Path) -> None:
    books.add_book("/iiif/7/manifest.json", 3, a=jpeg(10), b=jpeg(20))
    path = tmp_path / "some.json"
    content = books.files["/iiif/7/manifest.json"]
    assert isinstance(content, bytes)
    path.write_bytes(b"\xef\xbb\xbf\n" + content)
    assert [page.name for page in page_images(path)] == ["7-0001", "7-0002"]
    assert expected_pages(path) == 2
    path.write_text('{"a": 1}')
    with pytest.raises(DataError, match=r"some\.json is no IIIF manifest: no canvases"):
        list(page_images(path))


def test_images_and_pdfs_at_addresses(books: Library) -> None:
    file = io.BytesIO()
    Image.new("L", (80, 60), 30).save(file, "PDF", save_all=True, append_images=[Image.new("L", (80, 60), 40)])
    books.images["a"] = jpeg(10)
    books.files |= {"/scans/b.png?x=1": jpeg(20), "/book.pdf": file.getvalue()}
    single = [books.url("/image/a/full/max/0/default.jpg"), books.url("/scans/b.png?x=1")]
    found = [page for url in [*single, books.url("/book.pdf")] for page in page_images(url)]
    assert [page.name for page in found] == ["a", "x=1", "book-0001", "book-0002"]
    assert tones(found) == [10, 20, 30, 40]


def test_a_server_that_gives_no_full_size_is_asked_for_the_largest(books: Library) -> None:
    books.sizes = ("max",)
    url = books.add_book("/m/manifest", 2, a=jpeg(10))
    (page,) = page_images(url)
    assert page.name == "m"
    assert tones([page]) == [10]


def test_a_page_that_is_not_there_is_told_of_and_the_others_come(books: Library) -> None:
    url = books.add_book("/m/manifest", 3, a=jpeg(10), b=jpeg(20))
    del books.images["a"]
    first, second = page_images(url)
    assert first.failure == (f"m-0001 is not there: {books.url('/image/a/full/max/0/default.jpg')}: HTTP 404 Not Found")
    assert tones([second]) == [20]


def test_a_busy_server_is_asked_again(books: Library) -> None:
    url = books.add_book("/m/manifest", 3, a=jpeg(10))
    content, books.files["/m/manifest"] = books.files["/m/manifest"], 429
    said: list[str] = []
    books.files["/image/a/full/max/0/default.jpg"] = 429
    with pytest.raises(DataError, match="HTTP 404"):
        list(page_images(url, say=said.append))
    assert said == [f"127.0.0.1:{books.port} asks to wait 0 s"]
    books.files["/m/manifest"] = content
    assert tones(list(page_images(url))) == [10]


def test_what_came_before_must_do_where_the_server_is_gone(books: Library, tmp_path: Path) -> None:
    url = books.add_book("/m/manifest", 3, a=jpeg(10))
    list(page_images(url))
    for path in (tmp_path / "home" / "cache" / "web").iterdir():
        os.utime(path, (0, 0))
    books.files["/m/manifest"] = 503
    said: list[str] = []
    assert tones(list(page_images(url, say=said.append))) == [10]
    assert said == [f"{url}: HTTP 503 Service Unavailable; going on with what was fetched before"]


def test_what_is_no_source_is_told_in_a_line(books: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    books.files |= {
        "/page": b"<!DOCTYPE html><html>read on</html>",
        "/page2": b"\n<html>read on</html>",
        "/half": b'{"items": [',
        "/list": b"[1]",
        "/text": b"hello",
        "/large": jpeg(10),
    }
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dead = f"http://127.0.0.1:{silent.getsockname()[1]}/m"
        monkeypatch.setattr(fetch, "READ_SECONDS", 0.1)
        for url, told in (
            (dead, "no answer for"),
            (books.url("/none"), "HTTP 404 Not Found"),
            (books.url("/page"), "a web page came instead"),
            (books.url("/page2"), "is a web page; expected"),
            (books.url("/half"), "no whole JSON"),
            (books.url("/list"), "JSON without names"),
            (books.url("/text"), "no whole JSON"),
            ("http://[/", "is no address of the web"),
            ("https://", "is no address of the web"),
        ):
            with pytest.raises(DataError, match=told) as error:
                list(page_images(url))
            assert url in str(error.value)
            assert "\n" not in str(error.value)
    monkeypatch.setattr(web, "MOST_BYTES", 100)
    with pytest.raises(DataError, match="more than 100 bytes"):
        list(page_images(books.url("/large")))


def test_a_way_of_ones_own_to_fetch() -> None:
    asked = []

    def fetch(addresses):
        asked.append(addresses)
        raise DataError(f"{addresses[0]} is no public address")

    with pytest.raises(DataError, match="no public address"):
        list(page_images("http://10.0.0.1/manifest", fetch=fetch))
    assert asked == [["http://10.0.0.1/manifest"]]
