"""The images of pages that a person names: files, PDFs and TIFFs of many pages, zips, folders of these, addresses.

What stands at an address is an image, a PDF or a manifest of IIIF; a manifest can be a file too.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from PIL import Image

from kuzushiji.data.files.listing import unreadable
from kuzushiji.data.files.loose import is_image, loose_images, not_read
from kuzushiji.data.files.names import SUFFIXES
from kuzushiji.data.pages.files import FileReader, PageFile
from kuzushiji.data.pages.iiif import CanvasImage, name_of, read_manifest
from kuzushiji.data.pages.web import Fetch, Web, is_address
from kuzushiji.errors import DataError, UsageError
from kuzushiji.files import expanded, file_hash
from kuzushiji.imaging.kinds import kind_of, kind_of_file
from kuzushiji.imaging.pdf import Pdf
from kuzushiji.imaging.several import images_in

_PDF = ".pdf"
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_Ranges = list[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class PageImage:
    """The image of a page, or why there is none.

    Attributes:
        name: what to call it and what is made of it, without a suffix, such as `book-0001`.
        content: what `imaging.read` takes: the bytes of an image file, or a page of a PDF or TIFF; empty if it failed.
        sha256: of the file, in hexadecimal; of a page of several in a file, of the file's and its number.
        failure: why it can't be read, in a sentence that names it; empty if it can.
        suffix: of its file, such as `.jpg`; empty if it has none.
        folder: which folder of its source it lies in, such as `book/plates`, empty if in none; a zip is one too.
    """

    name: str
    content: bytes | Image.Image
    sha256: str
    failure: str = ""
    suffix: str = ""
    folder: str = ""

    @property
    def place(self) -> str:
        """The name with the folder before it, such as `book/p1`."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


_Found = Callable[[], PageImage] | PageImage
"""A page, to be called for its image; or a file that can't be read."""


def page_images(
    source: str | Path,
    *,
    pages: str | None = None,
    say: Callable[[str], None] = lambda line: None,
    fetch: Fetch | None = None,
    without: Path | None = None,
) -> Iterator[PageImage]:
    """Each page of an image file, a PDF, a TIFF of several pages, a zip, or a folder of these, in natural order.

    A folder is walked with all folders in it.

    Also of what stands at an address: an image, a PDF, or a manifest of IIIF, whose images are fetched in their turn.

    A page that can't be read comes as a `PageImage` with a `failure`, and the rest follows.

    Args:
        pages: which, counted from 1 over the whole source, such as `3-7,9`; all if None.
        say: is told in a line what of a folder or a zip is not read, and for what server one waits.
        fetch: gives what stands at an address; a `Web` if None, which keeps it.
        without: a folder in the source that is passed over, such as one that is written into.

    Raises:
        UsageError: `pages` is not written as described.
        DataError: there is no such file or folder, it holds no images, or none of the pages asked for; or an address
            does not give them.
    """
    wanted = _ranges(pages)
    with FileReader() as reader:
        yield from _chosen(_all_pages(source, reader, say, fetch or Web(say), without), wanted, str(source), pages)


def pages_in(content: bytes, name: str, pages: str | None = None) -> Iterator[PageImage]:
    """As `page_images`, of the content of a file, which is called `name`."""
    wanted = _ranges(pages)
    yield from _chosen(_pages_in(content, name), wanted, name, pages)


def expected_pages(source: str | Path, pages: str | None = None, without: Path | None = None) -> int:
    """About how many pages `page_images` will give, without opening the images: each file counts as one, but PDFs.

    Of an address what stands there is fetched, which is kept for `page_images`.
    """
    try:
        with FileReader() as reader:
            if is_address(source) or _is_json(expanded(source)):
                count = sum(1 for _ in _all_pages(source, reader, lambda line: None, Web()))
            else:
                files, failures = _files(expanded(source), reader, lambda line: None, without)
                count = len(failures) + sum(map(_expected, files))
    except DataError:
        return 1  # which fails
    wanted = _ranges(pages)
    return sum(_among(number, wanted) for number in range(1, count + 1))


def _chosen(found: Iterable[_Found], wanted: _Ranges | None, source: str, pages: str | None) -> Iterator[PageImage]:
    """The pages whose numbers are wanted, and the files that can't be read; the others are not opened."""
    given = count = 0
    for count, page in enumerate(found, start=1):
        if isinstance(page, PageImage) or _among(count, wanted):
            given += 1
            yield page if isinstance(page, PageImage) else page()
    if not given:
        raise DataError(f"{source} has {count} page{'' if count == 1 else 's'}, and none of {pages} is among them")


def _all_pages(
    source: str | Path, reader: FileReader, say: Callable[[str], None], fetch: Fetch, without: Path | None = None
) -> Iterator[_Found]:
    if is_address(source):
        yield from _pages_at(str(source), fetch)
        return
    path = expanded(source)
    if _is_json(path):
        yield from _pages_of_manifest(reader.content(PageFile(path)), "", f"{path}", fetch)
        return
    files, failures = _files(path, reader, say, without)
    yield from (PageImage(path.stem, b"", "", failure) for failure in failures)
    for file in files:
        for page in _pages_of(file, reader):
            yield _placed(page, _place_of(file, path))


def _placed(page: _Found, folder: str) -> _Found:
    if isinstance(page, PageImage):
        return replace(page, folder=folder)
    return lambda: replace(page(), folder=folder)


def _place_of(file: PageFile, source: Path) -> str:
    """The folder of a file, seen from its source."""
    root = PurePosixPath((source if source.is_dir() else source.with_suffix("")).as_posix())
    inside = file.folder.relative_to(root) if file.folder.is_relative_to(root) else PurePosixPath()
    return "/".join(inside.parts)


def _among(number: int, wanted: _Ranges | None) -> bool:
    return wanted is None or any(first <= number <= last for first, last in wanted)


def _ranges(pages: str | None) -> _Ranges | None:
    if pages is None:
        return None
    found = []
    for part in pages.split(","):
        match = _RANGE.fullmatch(part.strip())
        first = int(match[1]) if match else 0
        last = int(match[2] or first) if match else 0
        if not 1 <= first <= last:
            raise UsageError(f"pages are {pages!r}; expected numbers from 1 and ranges of them, such as 3-7,9")
        found.append((first, last))
    return found


def _files(
    source: Path, reader: FileReader, say: Callable[[str], None], without: Path | None
) -> tuple[list[PageFile], list[str]]:
    """The image files of a source, those of its folders and of the zips in them; and what can't be looked into."""
    try:
        if not source.exists():
            raise DataError(f"{source} does not exist")
    except OSError as error:
        raise unreadable(source, error) from None
    failures: list[str] = []
    if source.is_dir():
        found = loose_images(source, without)
        failures += found.failures
        paths = [*found.images, *found.others]
    elif source.suffix.lower() == ".zip":
        paths = [source]
    else:
        return [PageFile(source)], []  # a file that was named is an image, whatever its suffix
    images: list[PageFile] = []
    others: list[str] = []
    for path in paths:
        for file in _within(path, reader, failures) if path.suffix.lower() == ".zip" else [PageFile(path)]:
            if file.inside.suffix.lower() in (*SUFFIXES, _PDF) or (not file.key and is_image(file.path)):
                images.append(file)
            else:
                others.append(str(file.inside))
    if line := not_read(source, others):
        say(line)
    if not images and not failures:
        raise DataError(f"{source} holds no images; expected {' '.join(SUFFIXES)} or {_PDF}")
    return sorted(
        images, key=lambda file: [_natural(part) for part in (*file.folder.parts, file.inside.name)]
    ), failures


def _within(path: Path, reader: FileReader, failures: list[str]) -> list[PageFile]:
    try:
        return reader.within(path)
    except DataError as error:
        failures.append(str(error))
        return []


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which page 2 comes before page 10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def _pages_in(content: bytes, name: str, suffix: str = "", told: str = "") -> Iterator[_Found]:
    """The pages in a file.

    Args:
        name: what the file is called, without its suffix.
        told: what messages call it; `name` if empty.
    """
    sha256, told = hashlib.sha256(content).hexdigest(), told or name
    if kind_of(content) == "PDF":
        yield from _pages_of_pdf(content, name, sha256, told)
        return
    for number, image in enumerate(images_in(content, ("TIFF",)), start=1):
        if isinstance(image, bytes):
            yield partial(PageImage, name, image, sha256, suffix=suffix)
        elif isinstance(image, DataError):
            failure = f"page {number} of {told} {image}"
            yield partial(PageImage, _numbered(name, number), b"", _hash_of(sha256, number), failure)
        else:
            yield partial(PageImage, _numbered(name, number), image, _hash_of(sha256, number), suffix=suffix)


def _pages_of(file: PageFile, reader: FileReader) -> Iterator[_Found]:
    name, told = file.inside.stem, str(file)
    try:
        if not file.key and kind_of_file(file.path) == "PDF":  # which may be larger than memory
            yield from _pages_of_pdf(file.path, name, file_hash(file.path), told)
        else:
            yield from _pages_in(reader.content(file), name, file.inside.suffix, told)
    except DataError as error:
        yield PageImage(name, b"", "", f"{told} {error}")
    except OSError as error:
        yield PageImage(name, b"", "", str(unreadable(file.path, error)))


def _pages_of_pdf(source: bytes | Path, name: str, sha256: str, told: str) -> Iterator[_Found]:
    try:
        pdf = Pdf(source)
    except DataError as error:
        yield PageImage(name, b"", sha256, f"{told} {error}")
        return
    with pdf:
        for number in range(1, len(pdf) + 1):
            own = _numbered(name, number) if len(pdf) > 1 else name
            yield partial(_page_of_pdf, pdf, number, own, _hash_of(sha256, number), told)


def _page_of_pdf(pdf: Pdf, number: int, name: str, sha256: str, told: str) -> PageImage:
    try:
        return PageImage(name, pdf.page(number), sha256)
    except DataError as error:
        return PageImage(name, b"", sha256, f"page {number} of {told} {error}")


def _is_json(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    except OSError:
        return False  # which is told of elsewhere


def _pages_at(address: str, fetch: Fetch) -> Iterator[_Found]:
    """The pages of what stands at an address."""
    content = fetch([address])
    if kind_of(content) is not None:
        yield from _pages_in(content, name_of(address), _suffix_of(address), told=address)
    elif content.lstrip().startswith(b"<"):
        raise DataError(f"{address} is a web page; expected a IIIF manifest, an image or a PDF")
    else:
        yield from _pages_of_manifest(content, address, address, fetch)


def _pages_of_manifest(content: bytes, address: str, told: str, fetch: Fetch) -> Iterator[_Found]:
    try:
        manifest = read_manifest(content, address)
    except DataError as error:
        raise DataError(f"{told} {error}") from None
    for image in manifest.images:
        name = manifest.name if len(manifest.images) == 1 else _numbered(manifest.name, image.number)
        yield partial(_fetched_page, image, name, told, fetch)


def _fetched_page(image: CanvasImage, name: str, told: str, fetch: Fetch) -> PageImage:
    if not image.addresses:
        return PageImage(name, b"", "", f"canvas {image.number} of {told} shows no image")
    try:
        content = fetch(image.addresses)
    except DataError as error:
        return PageImage(name, b"", "", f"{name} is not there: {error}")
    return PageImage(name, content, hashlib.sha256(content).hexdigest(), suffix=_suffix_of(image.addresses[0]))


def _suffix_of(address: str) -> str:
    suffix = Path(urlsplit(address).path).suffix.lower()
    return suffix if suffix in SUFFIXES else ""


def _numbered(name: str, number: int) -> str:
    return f"{name}-{number:04}"


def _hash_of(sha256: str, number: int) -> str:
    return hashlib.sha256(f"{sha256} {number}".encode()).hexdigest()


def _expected(file: PageFile) -> int:
    """How many pages a file has, where that is quickly told, else 1."""
    if file.key or kind_of_file(file.path) != "PDF":
        return 1
    with Pdf(file.path) as pdf:
        return len(pdf)
