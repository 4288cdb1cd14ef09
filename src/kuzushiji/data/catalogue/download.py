"""Fetch a dataset: from its addresses in order or from the user's own files, verified, placed whole or not at all."""

import os
import shutil
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

from filelock import Timeout

from kuzushiji.data.catalogue.sets import DataFile, Dataset, dataset, folder, superseded
from kuzushiji.data.catalogue.verify import examine, remember
from kuzushiji.data.files.class_map import write_class_map
from kuzushiji.data.files.local import LocalFile, local_files
from kuzushiji.data.files.names import numbered
from kuzushiji.errors import DownloadError
from kuzushiji.fetch import CHUNK, AddressFailed, Fetcher, NoAddressGaveIt, Progress, discard_part, need_room
from kuzushiji.files import expanded, folder_written_whole, written_whole
from kuzushiji.locks import FileLock

_MORE = 2**20
"""Bytes that a file may have beyond twice its published size."""


@dataclass
class Fetched:
    """What `fetch` did.

    Attributes:
        dataset: name of the dataset whose files are there now.
        format: their format.
        folder: where they lie.
        origins: file -> the address or the path that it came from; `already there` if it was.
        notes: what else there is to say of a file, such as that it holds a part of what was published.
    """

    dataset: str
    format: str
    folder: Path
    origins: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, file: DataFile, origin: str, note: str = "") -> None:
        """Notes that a file is in place, where it came from, and what there is to say of it."""
        self.origins[file.name] = origin
        if note:
            self.notes.append(f"{file.name}: {note}")


class _NotRight(Exception):
    """A file of the user's own is not as published; another copy may be."""


def fetch(
    name: str,
    format: str | None = None,
    *,
    source: Path | None = None,
    offline: bool = False,
    progress: Progress = lambda name, done, total: None,
    say: Callable[[str], None] = lambda text: None,
) -> Fetched:
    """Makes sure that the files of a dataset are in its folder, as they were published.

    Files that are there and right are left alone; wrong ones are replaced.  Whatever goes wrong, each file is either
    there whole or not there; what arrived of a download is kept beside it, and the next call goes on from it.  A
    second process that fetches the same dataset waits and then finds it done.

    Args:
        name: name of the dataset.
        format: which of its formats; if None the one that is there already, that `source` has, or the default one.
        source: a folder or a zip with files that the user already has, looked for up to two folders deep; these are
            copied, and nothing is downloaded.
        offline: download nothing; an error says how to get what is missing.
        progress: is told how far each file is.
        say: is told in a line what happens.

    Raises:
        UsageError: no such dataset or format.
        DataError: `source` is not there or cannot be read.
        DownloadError: a file is missing in `source`, could not be fetched or did not arrive as published; the message
            has the steps to get it by hand.
        KuzushijiError: the disk is full or may not be written.
    """
    entry = dataset(name)
    entry.files(format)  # refuses an unknown format
    if source is None and entry.subset_of and not _is_there(entry, entry.default_format):
        return fetch(entry.subset_of, offline=offline, progress=progress, say=say)
    with _alone_in(folder(name), say):
        if source is None:
            format = format or next((each for each in entry.formats if _is_there(entry, each)), entry.default_format)
            fetched = Fetched(name, format, folder(name))
            missing = _note_right_files(entry, fetched, say)
            _download_files(entry, missing, fetched, Fetcher(progress, say), offline)
        else:
            with local_files(expanded(source).resolve()) as found:
                elsewhere = _elsewhere(entry, found)
                format = format or _nearest_format(entry, elsewhere)
                fetched = Fetched(name, format, folder(name))
                offered = {file.name: copies for file in entry.files(format) if (copies := _copies(file, elsewhere))}
                missing = _note_right_files(entry, fetched, say, offered)
                _copy_files(entry, missing, offered, fetched, source, progress, say)
        for file in entry.files(format):
            if file.known:
                remember(entry, file)
    return fetched


@contextmanager
def _alone_in(place: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Keeps other processes from a dataset's folder, and tells errors of the disk as what they are."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place.with_name(f".{place.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"another process is fetching {place.name}; waiting for it")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()
    except OSError as error:
        raise DownloadError(
            f"{place} could not be written: {error.strerror or error}; nothing was lost. "
            "Make room or set KUZUSHIJI_HOME to a folder that can be written, and run this again: it goes on from here"
        ) from error


def _is_there(entry: Dataset, format: str) -> bool:
    """Whether the files of a format are there, but for the class map, which needs no fetching."""
    files = [file for file in entry.files(format) if file.name != entry.class_map]
    return all((folder(entry.name) / file.name).exists() for file in files)


def _note_right_files(
    entry: Dataset, fetched: Fetched, say: Callable[[str], None], offered: Collection[str] = ()
) -> list[DataFile]:
    """Notes in `fetched` the files that are there and right, and returns the others.

    Where there is no hash to say which of two files is the better one, a file that is `offered` goes before the one
    that is there.
    """
    missing = []
    for file in entry.files(fetched.format):
        report = examine(entry, file, fetched.folder / file.name)
        if report.is_right and (file.md5 or file.name not in offered):
            fetched.add(file, "already there", report.detail)
        elif file.name == entry.class_map:
            write_class_map(fetched.folder / file.name, tuple(entry.characters))
            fetched.add(file, "written from the catalogue")
        else:
            if report.status == "wrong":
                say(f"{file.name} is there but not right ({report.detail}); to be replaced")
            missing.append(file)
    return missing


# From the user's own files


def _elsewhere(entry: Dataset, found: list[LocalFile]) -> list[LocalFile]:
    """Those of the files that are not the dataset's own, which are no source for themselves."""
    place = folder(entry.name).resolve()
    own = {str(place)} | {str(place / file.name) for files in entry.formats.values() for file in files}
    return [local for local in found if os.path.dirname(local.where) not in own]


def _nearest_format(entry: Dataset, found: list[LocalFile]) -> str:
    """The format of which most files were found or are there."""

    def is_at_hand(file: DataFile) -> bool:
        return bool(_copies(file, found)) or (folder(entry.name) / file.name).exists()

    return max(entry.formats, key=lambda each: sum(map(is_at_hand, entry.files(each))))


def _copies(file: DataFile, found: list[LocalFile]) -> list[list[LocalFile]]:
    """The places where a file was found, the nearest first; a folder of images is all the images in it."""
    if not file.is_folder:
        named = [local for local in found if numbered(local.name)[0] == file.name]
        # The second copy of a download, "... (1).npz", is as good if it is whole, which its hash says.
        return [[local] for local in sorted(named, key=lambda local: numbered(local.name)[1])]
    folders: dict[str, list[LocalFile]] = {}
    for local in found:
        if local.folder == file.name and local.name.lower().endswith(".jpg"):
            folders.setdefault(os.path.dirname(local.where), []).append(local)
    return sorted(folders.values(), key=len, reverse=True)


def _copy_files(
    entry: Dataset,
    missing: list[DataFile],
    offered: Mapping[str, list[list[LocalFile]]],
    fetched: Fetched,
    source: Path,
    progress: Progress,
    say: Callable[[str], None],
) -> None:
    """Copies each missing file from the first place where it is right.

    Raises:
        DownloadError: some are right nowhere; the others are in place.
    """
    problems = []
    for file in missing:
        if file.name not in offered:
            problems.append(f"{file.name} was not found in {source}, in folders up to two deep and zips there")
        for copy in offered.get(file.name, []):
            where = os.path.dirname(copy[0].where) if file.is_folder else copy[0].where
            try:
                note = _copy(entry, file, copy, fetched.folder / file.name, progress)
            except _NotRight as error:
                problems.append(f"{where} is not right: {error}")
            else:
                say(f"{file.name} taken from {where}")
                fetched.add(file, where, note)
                discard_part(fetched.folder / file.name)
                break
    lacking = [file for file in missing if file.name not in fetched.origins]
    if lacking:
        raise DownloadError("\n".join([*problems, "", by_hand(entry, fetched.format, lacking)]))


def _copy(entry: Dataset, file: DataFile, copy: list[LocalFile], target: Path, progress: Progress) -> str:
    """Copies one file, or one folder of images, and puts it in its place if it is right; returns what to note.

    Raises:
        _NotRight: it is not as published, or cannot be read.
    """
    total = sum(local.size for local in copy)
    need_room(target.parent, total)
    done = 0
    aside = target.with_name(f".{target.name}.old")
    if aside.exists():  # of a process that was killed between two steps
        shutil.rmtree(aside) if target.exists() else os.rename(aside, target)
    with (folder_written_whole if file.is_folder else written_whole)(target) as beside:
        for local in copy:
            with open(beside / local.name if file.is_folder else beside, "wb") as out:
                for chunk in _chunks(local):
                    out.write(chunk)
                    done += len(chunk)
                    progress(file.name, done, total)
        report = examine(entry, file, beside)
        if not report.is_right:
            raise _NotRight(report.detail)
        if file.is_folder and target.exists():
            os.rename(target, aside)  # one folder cannot take the place of another in one step
    shutil.rmtree(aside, ignore_errors=True)
    return report.detail


def _chunks(local: LocalFile) -> Iterator[bytes]:
    try:
        with local.open() as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except (OSError, BadZipFile, EOFError, zlib.error, RuntimeError, NotImplementedError) as error:
        # RuntimeError: the zip is encrypted, or compressed in a way that is not known here.
        raise _NotRight(f"it cannot be read ({error})") from None


# From the network


def _download_files(entry: Dataset, missing: list[DataFile], fetched: Fetched, fetcher: Fetcher, offline: bool) -> None:
    """Downloads each missing file from the first address that gives it.

    Raises:
        DownloadError: one could not be had from any address; those before it are in place.
    """
    for number, file in enumerate(missing):
        if offline:
            why = f"{entry.name} is not all there, and with --offline nothing is downloaded."
        elif not file.urls:
            why = f"{file.name} of {entry.name} has no address to download it from."
        else:
            try:
                url, note = fetcher.fetch(
                    file.urls,
                    fetched.folder / file.name,
                    check=partial(_check, entry, file),
                    check_length=partial(_check_length, file),
                    size=file.size,
                    most=None if file.size is None else 2 * file.size + _MORE,  # some sizes were published rounded
                )
            except NoAddressGaveIt as error:
                why = f"{file.name} of {entry.name} could not be fetched:\n  {error}"
            else:
                fetched.add(file, url, note)
                continue
        raise DownloadError(f"{why}\n\n{by_hand(entry, fetched.format, missing[number:])}")


def _check(entry: Dataset, file: DataFile, path: Path) -> str:
    """What there is to note of a file that has arrived.

    Raises:
        AddressFailed: it is not as published.
    """
    report = examine(entry, file, path)
    if not report.is_right:
        raise AddressFailed(report.detail)
    return report.detail


def _check_length(file: DataFile, length: int | None) -> None:
    if file.md5 and length not in (None, file.size):
        old = superseded(length or 0)
        offered = f"this is {old.what}" if old else f"{length:,} bytes"
        raise AddressFailed(f"another file is offered: {offered}; expected {file.size:,} bytes")


def by_hand(entry: Dataset, format: str | None = None, files: list[DataFile] | None = None) -> str:
    """The exact steps to get files of a dataset by hand, as lines of text.

    Args:
        entry: the dataset.
        format: one of its formats, the default one if None.
        files: which of its files; all if None.
    """
    format = format or entry.default_format
    lines = [f"To get {entry.name} by hand:"]
    for file in entry.files(format) if files is None else files:
        if file.urls:
            facts = f"{file.size:,} bytes, md5 {file.md5}" if file.md5 else f"about {(file.size or 0) / 1e6:.0f} MB"
            lines.append(f"  {file.name}  {facts}")
            lines += [f"    {url}" for url in file.urls]
    lines += [f"  {step}" for step in entry.manual_steps]
    if not any(file.urls for file in entry.files(format)):
        lines.append(f"  Needed: {', '.join(file.name for file in entry.files(format))}")
    option = f" --format {format}" if format != entry.default_format else ""
    lines.append(f"Then: kuzushiji data get {entry.name}{option} --from FOLDER")
    lines.append(f"or put them into {folder(entry.name)}")
    if others := [each for each in entry.formats if each != format]:
        lines.append(f"The same images in another form: kuzushiji data get {entry.name} --format {others[0]}")
    return "\n".join(lines)
