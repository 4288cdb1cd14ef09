"""Is what lies in a dataset's folder what was published?"""

import os
from dataclasses import dataclass
from pathlib import Path

from kuzushiji.data.catalogue.contents import Content, Known, content_of, note_seen, seen
from kuzushiji.data.catalogue.sets import DATASETS, DataFile, Dataset, dataset, folder, superseded
from kuzushiji.errors import DataError
from kuzushiji.files import file_hash

_MANY = 50
"""Images of which nine in ten are known, so that one at least would be if they were what they are said to be."""


@dataclass(frozen=True)
class FileReport:
    """What was found of one file.

    Attributes:
        name: its name in the dataset's folder.
        status: `right`, `absent` or `wrong`.
        detail: what is wrong, or what else there is to say of it.
    """

    name: str
    status: str
    detail: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the file is as published, or as near to it as can be known."""
        return self.status == "right"


def examine(entry: Dataset, file: DataFile, path: Path) -> FileReport:
    """Compares the file at `path`, whatever it is called there, with the published `file` of the dataset `entry`."""
    try:
        if not path.exists():
            return FileReport(file.name, "absent")
        if file.is_folder:
            return FileReport(file.name, "right", _count_pages(entry, path))
        if file.md5:
            wrong = _mismatch(file, path)
            return FileReport(file.name, "wrong", wrong) if wrong else FileReport(file.name, "right")
        return FileReport(file.name, "right", _describe_unhashed(entry, file, path))
    except DataError as error:
        return FileReport(file.name, "wrong", str(error))
    except OSError as error:
        return FileReport(file.name, "wrong", f"cannot be read: {error.strerror or error}")


def _mismatch(file: DataFile, path: Path) -> str:
    """How a file differs from the published one with a hash; empty if it does not."""
    size, md5 = path.stat().st_size, file_hash(path, "md5")
    if md5 == file.md5:
        return ""
    if old := superseded(size, md5):
        return f"this is {old.what}"
    if other := _published_as(md5):
        return f"this is {other}"
    if looks_like_html(path):
        return "this is a web page, perhaps a login or an error, saved under the name of the file"
    if file.size is not None and size < file.size:
        return f"{size:,} of {file.size:,} bytes: not whole, or another file"
    return f"{size:,} bytes with the MD5 sum {md5}; expected {file.size:,} bytes with {file.md5}"


def _published_as(md5: str) -> str:
    for entry in DATASETS.values():
        for files in entry.formats.values():
            for file in files:
                if file.md5 == md5:
                    return f"{file.name} of {entry.name}"
    return ""


def looks_like_html(path: Path) -> bool:
    """Whether a file begins as a web page does."""
    with open(path, "rb") as file:
        return file.read(512).lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _describe_unhashed(entry: Dataset, file: DataFile, path: Path) -> str:
    """Checks a file that has no published hash, and says how much of the dataset it holds.

    Raises:
        DataError: it is something else, or damaged.
    """
    if looks_like_html(path):
        raise DataError("this is a web page, perhaps a login or an error, saved under the name of the file")
    if file.header:
        with open(path, encoding="utf-8-sig", errors="replace") as lines:
            first = lines.readline().strip()
        if first != file.header:
            raise DataError(f"begins with {first[:40]!r}; expected {file.header!r}")
        return ""
    from kuzushiji.data.files.listing import list_images

    listing = list_images(path)
    whole = len(listing) == entry.count and len(listing.classes) == entry.classes
    held = (
        f"{entry.count:,} images, as many as were published"
        if whole
        else f"{len(listing):,} of the {entry.count:,} images that were published, "
        f"{len(listing.classes):,} of {entry.classes:,} classes"
    )
    return f"{held}; {_describe_content(entry, file, path)}" if file.known else held


def _describe_content(entry: Dataset, file: DataFile, path: Path) -> str:
    """Compares the images of an archive with those that are known, and with what was there when it was fetched.

    Raises:
        DataError: more of them are others than can be, or they were others when it was fetched.
    """
    place = folder(entry.name) / file.name
    digest, noted = file_hash(path), seen(place)
    if noted and noted.sha256 == digest:
        return f"{noted.told}; the same file as on {noted.day}; content {noted.content[:16]}"
    content = content_of(path, digest)
    told, is_whole = _compare(entry, file, content)
    more = is_whole and noted is not None and content.count > noted.images  # as a whole archive for a part of it
    if noted and path == place and content.digest != noted.content and not more:
        raise DataError(f"{told}; but it holds other images than when it was fetched, on {noted.day}")
    return f"{told}; content {content.digest[:16]}"


def _compare(entry: Dataset, file: DataFile, content: Content) -> tuple[str, bool]:
    """Which of the known images are there, and whether these are all.

    Raises:
        DataError: more of the images are others than can be.
    """
    found = Known.load(Path(__file__).parent / file.known).found_in(content)
    told = f"{found.there:,} of the {found.known:,} that are known are there" + " and unchanged" * found.same
    changed = found.others - max(entry.count - found.known, 0)
    if changed > 0 or (not found.there and found.others >= _MANY):
        raise DataError(f"{told}, so that at least {max(changed, 1):,} of its {content.count:,} images are others")
    if found.there == found.known and not found.same:
        raise DataError(f"{told} by the beginnings of their hashes, but not by the whole of these: it is made up")
    return told, found.same


def remember(entry: Dataset, file: DataFile) -> None:
    """Notes beside an archive of which no hash was published what it is, so that `verify` can say whether it changed.

    Raises:
        DataError: it is not as published, as far as that is known.
        KuzushijiError: the note can't be written.
    """
    path = folder(entry.name) / file.name
    digest, noted = file_hash(path), seen(path)
    if noted is None or noted.sha256 != digest:
        content = content_of(path, digest)
        note_seen(path, digest, content, _compare(entry, file, content)[0])


def provenance(entry: Dataset, file: DataFile) -> list[str]:
    """What is known of an archive without a published hash, and of the one that is there, in a line each."""
    if not file.known:
        return []
    known = sum(Known.load(Path(__file__).parent / file.known).counts)
    lines = [f"no hash was published; {known:,} of its {entry.count:,} images are known by theirs"]
    if noted := seen(folder(entry.name) / file.name):
        lines += [f"fetched on {noted.day}: {noted.told}", f"content {noted.content}", f"sha256  {noted.sha256}"]
    return lines


def _count_pages(entry: Dataset, path: Path) -> str:
    if not path.is_dir():
        raise DataError("expected a folder of images, found a file")
    count = sum(name.endswith(".jpg") for name in os.listdir(path))
    if not count:
        raise DataError("holds no .jpg images")
    return f"{count:,} of the {entry.count:,} pages that were published"


def verify(name: str, format: str | None = None) -> list[FileReport]:
    """Compares every file of a dataset with what was published: size, hash, content.

    Args:
        name: name of the dataset.
        format: one format; if None, each format of which there is any file, or else the default one.

    Raises:
        UsageError: no such dataset or format.
    """
    entry = dataset(name)
    place = folder(name)
    formats = [format] if format else [each for each in entry.formats if _own_files(entry, each)]
    files = {file.name: file for each in formats or [entry.default_format] for file in entry.files(each)}
    return [examine(entry, file, place / file.name) for file in files.values()]


def state(name: str) -> str:
    """`complete`, `part` or `absent`, by which files are there and how large they are, without reading them.

    The one format that is furthest along counts.  A dataset that is cut out of another is complete with it.
    """
    entry = dataset(name)
    states = {_state_of_format(entry, each) for each in entry.formats}
    if entry.subset_of and "complete" not in states:
        states.add("complete" if state(entry.subset_of) == "complete" else "absent")
    return next(each for each in ("complete", "part", "absent") if each in states)


def _state_of_format(entry: Dataset, format: str) -> str:
    if all(_has_its_size(entry, file) for file in entry.files(format)):
        return "complete"
    return "part" if _own_files(entry, format) else "absent"


def _own_files(entry: Dataset, format: str) -> list[DataFile]:
    """The files of one format that are there.  The class map belongs to every format and so tells nothing."""
    place = folder(entry.name)
    return [file for file in entry.files(format) if file.name != entry.class_map and (place / file.name).exists()]


def _has_its_size(entry: Dataset, file: DataFile) -> bool:
    path = folder(entry.name) / file.name
    try:
        if file.is_folder:
            return sum(name.endswith(".jpg") for name in os.listdir(path)) >= entry.count
        size = path.stat().st_size
    except OSError:
        return False
    if file.size is None:
        return True
    return size == file.size if file.md5 else size >= 0.99 * file.size
