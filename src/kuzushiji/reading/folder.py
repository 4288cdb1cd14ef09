"""Pages from files to files: each is read and written in the formats asked for, and not read again where that was done.

A page's JSON is written last: where it stands, so does all else of the page.  It names the image, the networks and the
settings by which the page was read, and every other file is made from it.
"""

import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import Literal

from PIL import Image

from kuzushiji.data.pages.sources import PageImage, page_images
from kuzushiji.document.drawing import draw_page
from kuzushiji.document.formats import FORMATS, SUFFIXES, content_of, text
from kuzushiji.document.page import Page
from kuzushiji.errors import DataError, KuzushijiError, UsageError, unknown_name
from kuzushiji.files import expanded, written_whole
from kuzushiji.imaging.read import Source, read_color
from kuzushiji.interruption import held_back
from kuzushiji.locks import FileLock
from kuzushiji.processes import AtOnce, Calls, Ended, ended
from kuzushiji.reading.readers import PageReader

_LONGEST = 160
"""Bytes of a name: file systems take 255, of which endings need some."""
_DRAWN = ".drawn.jpg"


@dataclass(frozen=True)
class Wanted:
    """What is written of a page.

    Attributes:
        formats: of `formats.SUFFIXES`; JSON is written beside them.
        unsure, below, ruby: as `formats.text.write` takes them.
        modern: write the text with kanji in their forms of today and iteration marks resolved too, in another file.
        drawn: draw each page, as `document.drawing` does.

    Raises:
        UsageError: there is no such format, or a value is out of its range.
    """

    formats: tuple[str, ...] = ("txt",)
    unsure: text.Unsure = "mark"
    below: float = 0.5
    ruby: bool = True
    modern: bool = False
    drawn: bool = False

    def __post_init__(self) -> None:
        for format in self.formats:
            if format not in SUFFIXES:
                raise unknown_name("format of pages", format, SUFFIXES)
        if not 0 <= self.below <= 1:
            raise UsageError(f"a character is unsure below {self.below}; expected a probability, from 0 to 1")

    def text_of(self, page: Page, modern: bool = False) -> str:
        """What a page says, a line a column, without an end of line after the last."""
        return text.write(page, unsure=self.unsure, below=self.below, ruby=self.ruby, modern=modern)

    def written(self, page: Page, format: str, scan: Source | None = None) -> bytes:
        """The content of a page's file in one of the formats, of which PDF holds its image too."""
        return f"{self.text_of(page)}\n".encode() if format == "txt" else content_of(page, format, scan)

    def endings(self) -> dict[str, str]:
        """Of the files of a page, by format; those of formats that share theirs begin with the name of the format."""
        suffixes = [SUFFIXES[format] for format in self.formats]
        return {
            format: f".{format}{suffix}" if suffixes.count(suffix) > 1 else suffix
            for format, suffix in zip(self.formats, suffixes, strict=True)
        }


@dataclass(frozen=True)
class Files:
    """What is to be written of a page.

    Attributes:
        contents: of the files, by their endings.
        blank: whether there is no character on the page.
    """

    contents: dict[str, bytes]
    blank: bool


@dataclass(frozen=True)
class Outcome:
    """What became of one page.

    Attributes:
        name: what its files are called, without endings, and the folders that they are in.
        state: read; skipped, for that was done before; or failed.
        failure: why, in a sentence that names it; empty if it did not fail.
        blank: whether it was read, and no character was found on it.
    """

    name: str
    state: Literal["read", "skipped", "failed"]
    failure: str = ""
    blank: bool = False


def read_into(
    folder: str | Path,
    images: Iterable[PageImage],
    reader: PageReader,
    wanted: Wanted | None = None,
    *,
    resume: bool = False,
    calls: Calls | None = None,
) -> Iterator[Outcome]:
    """Reads pages into files in a folder; what can't be read is told of and the rest is done.

    Several processes may write into one folder.  A page that a person corrected there stays as it is.

    Args:
        folder: made where it is missing; the folders of the sources are made again in it.
        images: of the pages, such as `images_of` gives them.
        reader: reads each page.
        wanted: what to write of each.
        resume: leave out what was read before, from the same image with the same networks and settings.
        calls: of `read_files` with such a reader and what is wanted, elsewhere and in any order; here, one after the
            other, if None.

    Raises:
        KuzushijiError: a file can't be written, or there is no font to draw with.
    """
    folder, wanted = expanded(folder), wanted or Wanted()
    lock = _lock_of(folder)
    calls = calls or AtOnce(partial(read_files, reader, wanted))
    written = partial(_written, folder, lock, "read")
    taken: set[str] = set()
    for image in images:
        name = _own_name(image, taken)
        before = _read_before(folder / f"{name}.json", image)
        if before and (before.status == "corrected" or (resume and before.steps == reader.steps)):
            drawn = folder / f"{name}{_DRAWN}"
            yield _written(folder, lock, "skipped", name, ended(files_of, before, image, wanted, drawn))
        else:
            yield from starmap(written, calls.add(name, image))
    yield from starmap(written, calls.rest())


def _written(folder: Path, lock: FileLock, state: Literal["read", "skipped"], name: str, how: Ended) -> Outcome:
    """What becomes of a page of which there are files, or an error."""
    if isinstance(how.error, DataError):
        return Outcome(name, "failed", str(how.error))
    if how.error:
        raise how.error
    files: Files = how.result
    _write(folder / name, files.contents, lock)
    return Outcome(name, state, blank=state == "read" and files.blank)


def read_files(reader: PageReader, wanted: Wanted, image: PageImage) -> Files:
    """Reads a page; what is to be written of it.

    Raises:
        DataError: it can't be read; the message names it.
    """
    return files_of(read_image(reader, image), image, wanted)


def images_of(
    sources: Iterable[str | Path],
    pages: str | None = None,
    say: Callable[[str], None] = lambda line: None,
    without: Path | None = None,
) -> Iterator[PageImage]:
    """The pages of all sources, as `page_images` has them; a source that can't be read comes as a page that failed."""
    for source in sources:
        try:
            yield from page_images(source, pages=pages, say=say, without=without)
        except DataError as error:
            yield PageImage(Path(source).stem, b"", "", str(error))


def read_image(reader: PageReader, image: PageImage) -> Page:
    """Reads a page.

    Raises:
        DataError: it can't be read; the message names it.
    """
    if image.failure:
        raise DataError(image.failure)
    page = reader(image.content, image.name + image.suffix)
    return replace(page, image=replace(page.image, sha256=image.sha256))  # that of a page of a TIFF too


def _lock_of(folder: Path) -> FileLock:
    """What a process holds while it writes into a folder, which is made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        with lock:
            return lock
    except OSError as error:
        raise KuzushijiError(f"{folder} can't be written into: {error.strerror or error}") from None


def _own_name(image: PageImage, taken: set[str]) -> str:
    """A name for files that no other page has, on any file system: `book/a`, and where that is taken `book/a-2`."""
    folders = image.folder.split("/") if image.folder else []
    plain = own = "/".join(map(_plain, (*folders, image.name)))
    number = 1
    while own.casefold() in taken:
        number += 1
        own = f"{plain}-{number}"
    taken.add(own.casefold())
    return own


def _plain(name: str) -> str:
    """A name that every file system takes."""
    name = name.encode(errors="replace").decode()
    plain = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", name).lstrip(".") or "page"
    return plain.encode()[:_LONGEST].decode(errors="ignore")


def _read_before(path: Path, image: PageImage) -> Page | None:
    """The page that stands in a file, if it is of the same image."""
    try:
        page = Page.load(path)
    except DataError:
        return None  # there is none, or one that is damaged, which is as good as none
    return page if page.image.sha256 == image.sha256 else None


def files_of(page: Page, image: PageImage, wanted: Wanted, drawn: Path | None = None) -> Files:
    """What is to be written of a page.

    Args:
        drawn: where its drawing may stand already; it is not drawn again then.

    Raises:
        DataError: the image can't be read.
    """
    endings = wanted.endings()
    files = {
        ending: wanted.written(page, format, image.content) for format, ending in endings.items() if format != "json"
    }
    if wanted.modern:
        files[".modern.txt"] = f"{wanted.text_of(page, modern=True)}\n".encode()
    json = FORMATS["json"].write(page).encode()
    if wanted.drawn and (drawing := _drawing(page, json, image, drawn, wanted.below)):
        files[_DRAWN] = drawing
    return Files(files | {".json": json}, blank=not len(page))


def _write(stem: Path, files: Mapping[str, bytes], lock: FileLock) -> None:
    """Writes the files of a page that do not hold the same already, the JSON last."""
    with lock, held_back():  # no mixture of what two processes read
        if not _holds(whole := stem.with_name(f"{stem.name}.json"), files[".json"]):
            whole.unlink(missing_ok=True)
        for ending, content in files.items():
            path = stem.with_name(f"{stem.name}{ending}")
            if not _holds(path, content):
                with written_whole(path) as beside:
                    beside.write_bytes(content)


def _drawing(page: Page, json: bytes, image: PageImage, path: Path | None, below: float) -> bytes | None:
    """A JPEG of a page, whose comment tells of what it was drawn; None if the file holds just that."""
    told = hashlib.sha256(json + str(below).encode()).hexdigest().encode()
    if path is not None:
        with suppress(OSError), Image.open(path) as before:
            if before.info.get("comment") == told:
                return None
    file = io.BytesIO()
    draw_page(page, read_color(image.content), below=below).save(file, "JPEG", quality=88, comment=told)
    return file.getvalue()


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False
