"""The images of pages that a person names: a file, a TIFF of many pages, a zip, a folder of all these."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from kuzushiji.data.files.listing import SUFFIXES, is_litter, unreadable
from kuzushiji.data.files.loose import is_image, not_read
from kuzushiji.data.pages.files import FileReader, PageFile
from kuzushiji.errors import DataError, UsageError
from kuzushiji.imaging.several import images_in

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


@dataclass(frozen=True, eq=False)
class PageImage:
    """The image of a page, or why there is none.

    Attributes:
        name: what to call it and what is made of it, without a suffix, such as `book-0001`.
        content: what `imaging.read` takes: the bytes of an image file, or a page of a TIFF; empty if it failed.
        sha256: of the file, in hexadecimal; of a page of several in a file, of the file's and its number.
        failure: why it can't be read, in a sentence that names it; empty if it can.
        suffix: of its file, such as `.jpg`; empty if it has none.
    """

    name: str
    content: bytes | Image.Image
    sha256: str
    failure: str = ""
    suffix: str = ""


def page_images(
    source: str | Path, *, pages: str | None = None, say: Callable[[str], None] = lambda line: None
) -> Iterator[PageImage]:
    """Each page of an image file, a TIFF of several pages, a zip of images, or a folder of these, in natural order.

    A page that can't be read comes as a `PageImage` with a `failure`, and the rest follows.

    Args:
        pages: which, counted from 1 over the whole source, such as `3-7,9`; all if None.
        say: is told in a line what of a folder or a zip is not read.

    Raises:
        UsageError: `pages` is not written as described.
        DataError: there is no such file or folder, it holds no images, or none of the pages asked for.
    """
    wanted = None if pages is None else _ranges(pages)
    source = Path(source).expanduser()
    given = count = 0
    with FileReader() as reader:
        for file in _files(source, reader, say):
            for page in _pages_of(file, reader):
                count += 1
                if wanted is None or any(first <= count <= last for first, last in wanted):
                    given += 1
                    yield page
    if not given:
        raise DataError(f"{source} has {count} pages, and none of {pages} is among them")


def expected_pages(source: str | Path, pages: str | None = None) -> int:
    """About how many pages `page_images` will give, without opening the images: each file counts as one."""
    try:
        with FileReader() as reader:
            count = len(_files(Path(source).expanduser(), reader, lambda line: None))
    except DataError:
        return 1  # which fails
    if pages is None:
        return count
    return sum(any(first <= number <= last for first, last in _ranges(pages)) for number in range(1, count + 1))


def _ranges(pages: str) -> list[tuple[int, int]]:
    found = []
    for part in pages.split(","):
        match = _RANGE.fullmatch(part.strip())
        first = int(match[1]) if match else 0
        last = int(match[2] or first) if match else 0
        if not 1 <= first <= last:
            raise UsageError(f"pages are {pages!r}; expected numbers from 1 and ranges of them, such as 3-7,9")
        found.append((first, last))
    return found


def _files(source: Path, reader: FileReader, say: Callable[[str], None]) -> list[PageFile]:
    """The image files of a source; those of a folder and of the zips in it."""
    try:
        if source.is_dir():
            inside = [path for path in source.iterdir() if not is_litter(path.name)]
        elif source.exists():
            inside = [source]
        else:
            raise DataError(f"{source} does not exist")
    except OSError as error:
        raise unreadable(source, error) from None
    paths = [path for path in inside if path.is_file()]
    zipped = [
        PageFile(path, member)
        for path in paths
        if path.suffix.lower() == ".zip"
        for member in reader.members(path)
        if not any(is_litter(part) for part in member.split("/"))
    ]
    files = [PageFile(path) for path in paths if path.suffix.lower() != ".zip"] + zipped
    if files == [PageFile(source)]:
        return files  # a file that was named is an image, whatever its suffix
    images: list[PageFile] = []
    others: list[str] = []
    for file in files:
        if file.inside.suffix.lower() in SUFFIXES or (not file.member and is_image(file.path)):
            images.append(file)
        else:
            others.append(str(file.inside))
    if not images:
        raise DataError(f"{source} holds no images; expected {' '.join(SUFFIXES)}")
    if line := not_read(source, others, folders=sum(path.is_dir() for path in inside)):
        say(line)
    return sorted(images, key=lambda file: (_natural(str(file.path)), _natural(file.member)))


def _natural(name: str) -> list[tuple[int, str]]:
    """A key by which page 2 comes before page 10."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def _pages_of(file: PageFile, reader: FileReader) -> Iterator[PageImage]:
    name, suffix = file.inside.stem, file.inside.suffix
    try:
        content = reader.read(file)
    except DataError as error:
        yield PageImage(name, b"", "", f"{file} {error}")
        return
    sha256 = hashlib.sha256(content).hexdigest()
    for number, page in enumerate(images_in(content, ("TIFF",)), start=1):
        if isinstance(page, bytes):
            yield PageImage(name, page, sha256, suffix=suffix)
            continue
        page_name = f"{name}-{number:04}"
        page_hash = hashlib.sha256(f"{sha256} {number}".encode()).hexdigest()
        if isinstance(page, DataError):
            yield PageImage(page_name, b"", page_hash, f"page {number} of {file} {page}")
        else:
            yield PageImage(page_name, page, page_hash, suffix=suffix)
