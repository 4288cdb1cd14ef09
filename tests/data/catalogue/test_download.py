"""Fetching: from servers good and bad, from the user's own files, killed, resumed, two at once."""

import gzip
import hashlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.data.catalogue.download import by_hand, fetch
from kuzushiji.data.catalogue.sets import DataFile, Dataset, folder
from kuzushiji.data.catalogue.verify import state, verify
from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataError, DownloadError, KuzushijiError, UsageError
from tests.data.tar import write_tar
from tests.fileserver import FileServer, serving

IMAGES = np.random.default_rng(0).integers(256, size=300_000, dtype=np.uint8).tobytes()
FILES = {
    "tiny-imgs.npz": IMAGES,
    "tiny-labels.npz": b"labels",
    "images.gz": gzip.compress(IMAGES),
    "labels.gz": b"idx labels",
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(FILES) as running:
        yield running


def listed(server: FileServer | None, *manners: str) -> dict[str, tuple[DataFile, ...]]:
    """The formats of a small dataset, each file at an address for each of `manners`."""

    def file(name: str) -> DataFile:
        md5 = hashlib.md5(FILES[name]).hexdigest()
        return DataFile(
            name, len(FILES[name]), md5, tuple(server.url(each, name) if server else "" for each in manners)
        )

    return {
        "npz": (file("tiny-imgs.npz"), file("tiny-labels.npz")),
        "idx": (file("images.gz"), file("labels.gz")),
    }


def enter(monkeypatch: pytest.MonkeyPatch, formats: dict[str, tuple[DataFile, ...]], **changes: object) -> Dataset:
    """Puts a dataset of these files into the catalogue as `tiny`."""
    entry = replace(catalog.DATASETS["kmnist"], name="tiny", formats=formats, class_map="", **changes)  # type: ignore[arg-type]
    monkeypatch.setitem(catalog.DATASETS, "tiny", entry)
    return entry


def in_place(name: str = "tiny") -> dict[str, bytes]:
    """Everything that lies in a dataset's folder, hidden files too."""
    return {path.name: path.read_bytes() for path in folder(name).iterdir()} if folder(name).exists() else {}


def only(*names: str) -> dict[str, bytes]:
    return {name: FILES[name] for name in names}


NPZ = only("tiny-imgs.npz", "tiny-labels.npz")


# From a server


def test_files_are_fetched_verified_and_left_alone_the_next_time(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, listed(server, "good"))
    seen: list[tuple[str, int, int | None]] = []
    fetched = fetch("tiny", progress=lambda *arguments: seen.append(arguments))
    assert in_place() == NPZ
    assert fetched.origins == {name: server.url("good", name) for name in NPZ}
    assert seen[-1] == ("tiny-labels.npz", 6, 6)
    assert ("tiny-imgs.npz", len(IMAGES), len(IMAGES)) in seen
    asked = len(server.requests)
    assert set(fetch("tiny").origins.values()) == {"already there"}
    assert len(server.requests) == asked
    assert state("tiny") == "complete"


@pytest.mark.parametrize("first", ["busy", "page", "page-as-file", "wrong", "longer", "short", "absent"])
def test_a_bad_address_is_followed_by_the_next(first: str, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    formats = listed(server, first, "good")
    if first == "absent":
        formats = {
            each: tuple(
                replace(file, urls=(server.url("good", f"no-{file.name}"), file.urls[1])) for file in formats[each]
            )
            for each in formats
        }
    enter(monkeypatch, formats)
    fetched = fetch("tiny")
    assert in_place() == NPZ
    assert fetched.origins == {name: server.url("good", name) for name in NPZ}


def test_a_host_that_does_not_answer_is_asked_once(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken, but nobody listens
        dead = f"http://127.0.0.1:{closed.getsockname()[1]}"
        good = listed(server, "good")
        enter(monkeypatch, {"npz": tuple(replace(file, urls=(f"{dead}/x", *file.urls)) for file in good["npz"])})
        told: list[str] = []
        fetch("tiny", say=told.append)
    assert in_place() == NPZ
    assert len([line for line in told if dead.removeprefix("http://") in line]) == 1


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("busy", "HTTP 503"),
        ("page", "a web page came instead"),
        ("page-as-file", "40 bytes; expected 300,000"),
        ("wrong", "MD5"),
        ("longer", "300,001 bytes; expected 300,000"),
    ],
)
def test_what_is_not_the_file_is_refused_with_the_steps_by_hand(
    manner: str, reason: str, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, listed(server, manner))
    with pytest.raises(DownloadError) as raised:
        fetch("tiny")
    told = str(raised.value)
    assert reason in told
    for needed in (
        server.url(manner, "tiny-imgs.npz"),
        hashlib.md5(IMAGES).hexdigest(),
        "tiny-labels.npz",
        "kuzushiji data get tiny --from FOLDER",
        str(folder("tiny")),
        "--format idx",
    ):
        assert needed in told
    assert in_place() == {}
    assert state("tiny") == "absent"


def test_a_web_page_of_unknown_length_is_called_one(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    formats = {"npz": (DataFile("images.gz", None, "0" * 32, (server.url("page-as-file", "images.gz"),)),)}
    server.files = dict(FILES)
    enter(monkeypatch, {"npz": tuple(replace(file, size=40) for file in formats["npz"])})
    with pytest.raises(DownloadError, match="this is a web page"):
        fetch("tiny")
    assert in_place() == {}


def test_a_connection_that_breaks_off_is_taken_up_again_where_it_was(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, listed(server, "short"))
    with pytest.raises(DownloadError, match="broke off after 262,500 of 300,000 bytes"):
        fetch("tiny")
    assert server.ranges() == ["", "bytes=150000-", "bytes=225000-"]
    assert set(in_place()) == {".tiny-imgs.npz.part", ".tiny-imgs.npz.part.from"}
    assert state("tiny") == "absent"


@pytest.mark.parametrize("manner", ["good", "date"])
def test_a_later_call_goes_on_from_what_an_earlier_one_left(
    manner: str, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, listed(server, manner))
    leave_part(server, manner, IMAGES[:200_000])
    fetch("tiny")
    assert in_place() == NPZ
    assert server.ranges() == ["bytes=200000-", ""]
    assert server.sent == 100_000 + 6


def test_a_part_of_another_edition_is_thrown_away(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, listed(server, "good"))
    leave_part(server, "good", bytes(200_000))
    server.edition = '"2"'
    fetch("tiny")
    assert in_place() == NPZ
    assert server.ranges()[0] == "bytes=200000-"


@pytest.mark.parametrize("manner", ["plain", "no-range"])
def test_a_server_that_cannot_resume_sends_it_anew(
    manner: str, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, listed(server, manner))
    leave_part(server, manner, bytes(200_000))
    fetch("tiny")
    assert in_place() == NPZ


def test_a_part_from_elsewhere_is_not_gone_on_with(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, listed(server, "good"))
    leave_part(server, "date", bytes(200_000))
    fetch("tiny")
    assert in_place() == NPZ
    assert server.ranges() == ["", ""]


def leave_part(server: FileServer, manner: str, content: bytes) -> None:
    folder("tiny").mkdir(parents=True)
    (folder("tiny") / ".tiny-imgs.npz.part").write_bytes(content)
    origin = f"{server.url(manner, 'tiny-imgs.npz')}\n{server.edition}\n"
    (folder("tiny") / ".tiny-imgs.npz.part.from").write_text(origin)


def test_a_gz_file_that_is_called_an_encoding_stays_packed(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    formats = listed(server, "gzip")
    enter(monkeypatch, {"idx": formats["idx"][:1]})
    fetch("tiny")
    assert in_place() == only("images.gz")


def test_a_wrong_file_is_replaced_but_not_before_the_right_one_is_there(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, listed(server, "busy"))
    folder("tiny").mkdir(parents=True)
    (folder("tiny") / "tiny-imgs.npz").write_bytes(IMAGES[:1000])
    told: list[str] = []
    with pytest.raises(DownloadError):
        fetch("tiny", say=told.append)
    assert "1,000 of 300,000 bytes" in told[0]
    assert in_place() == {"tiny-imgs.npz": IMAGES[:1000]}
    enter(monkeypatch, listed(server, "good"))
    fetch("tiny")
    assert in_place() == NPZ


def test_the_format_that_is_there_is_enough(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, listed(server, "good"))
    assert fetch("tiny", "idx").format == "idx"
    assert fetch("tiny").format == "idx"
    assert in_place() == only("images.gz", "labels.gz")
    with pytest.raises(UsageError, match="known: idx, npz"):
        fetch("tiny", "hdf5")


def test_offline_asks_no_server(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, listed(server, "good"))
    with pytest.raises(DownloadError, match="--offline") as raised:
        fetch("tiny", offline=True)
    assert server.url("good", "tiny-imgs.npz") in str(raised.value)
    assert server.requests == []
    fetch("tiny")
    assert set(fetch("tiny", offline=True).origins.values()) == {"already there"}


def test_what_is_cut_out_of_another_fetches_the_other(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, listed(server, "good"))
    part = replace(catalog.DATASETS["kmnist6k"], name="part", subset_of="tiny")
    monkeypatch.setitem(catalog.DATASETS, "part", part)
    assert state("part") == "absent"
    assert fetch("part").dataset == "tiny"
    assert in_place() == NPZ
    assert state("part") == "complete"


def test_class_map_needs_no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = enter(monkeypatch, {"npz": (catalog.DATASETS["kmnist"].files()[-1],)})
    monkeypatch.setitem(catalog.DATASETS, "tiny", replace(entry, class_map="kmnist_classmap.csv"))
    fetch("tiny", offline=True)
    assert [report.status for report in verify("tiny")] == ["right"]


# Killed, full, forbidden, twice


FETCH = """
import sys
from dataclasses import replace
from kuzushiji.cli import main
from kuzushiji.data.catalogue import sets as catalog
address, md5 = sys.argv[1:]
file = catalog.DataFile("tiny-imgs.npz", 300_000, md5, (address,))
entry = replace(catalog.DATASETS["kmnist"], name="tiny", formats={"npz": (file,)}, class_map="")
catalog.DATASETS["tiny"] = entry
sys.exit(main(["data", "get", "tiny", "--json"]))
"""


def start_fetch(server: FileServer) -> subprocess.Popen:
    arguments = [server.url("held", "tiny-imgs.npz"), hashlib.md5(IMAGES).hexdigest()]
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_two_processes_at_once_fetch_it_once(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, listed(server, "held"))
    both = [start_fetch(server), start_fetch(server)]
    wait_for(lambda: server.requests)
    # Whichever came second says so; only then does the server let the first one finish.
    told: list[bytes] = []
    streams = [process.stderr.fileno() for process in both if process.stderr]
    wait_for(lambda: told.extend(os.read(stream, 4096) for stream in readable(streams)) or b"waiting" in b"".join(told))
    server.gate.set()
    outputs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert len(server.requests) == 1
    assert in_place() == only("tiny-imgs.npz")
    origins = sorted(json.loads(out)["origins"]["tiny-imgs.npz"] for out, _ in outputs)
    assert origins == ["already there", server.url("held", "tiny-imgs.npz")]


def test_a_killed_download_goes_on(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, listed(server, "held"))
    killed = start_fetch(server)
    part = folder("tiny") / ".tiny-imgs.npz.part"
    wait_for(lambda: part.exists() and part.stat().st_size)
    killed.kill()
    killed.communicate()
    there = part.stat().st_size
    assert 0 < there < len(IMAGES)
    server.gate.set()
    again = start_fetch(server)
    output = again.communicate(timeout=120)
    assert again.returncode == 0, output
    assert in_place() == only("tiny-imgs.npz")
    assert server.ranges() == ["", f"bytes={there}-"]


def readable(streams: list[int]) -> list[int]:
    return select.select(streams, [], [], 0)[0]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within two minutes"
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to stand for a full disk")
def test_a_full_disk_is_told_and_nothing_half_is_left(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, listed(server, "good"))
    folder("tiny").mkdir(parents=True)
    (folder("tiny") / ".tiny-imgs.npz.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match=r"No space left on device.*KUZUSHIJI_HOME"):
        fetch("tiny")
    assert state("tiny") == "absent"


def test_too_little_room_is_told_before_anything_is_written(
    server: FileServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    enter(monkeypatch, listed(server, "good"))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6, 10**6 - 1000, 1000))
    for source in (None, holding(tmp_path, NPZ)):
        with pytest.raises(DownloadError, match="room for 1,000 bytes and 300,000 are to come"):
            fetch("tiny", source=source)
        assert in_place() == {}


def test_a_home_that_cannot_be_written_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter(monkeypatch, listed(None))
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("KUZUSHIJI_HOME", str(tmp_path / "file"))
    with pytest.raises(KuzushijiError, match=r"could not be written.*KUZUSHIJI_HOME"):
        fetch("tiny")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, listed(server, "good"))
    folder("tiny").mkdir(parents=True)
    folder("tiny").chmod(0o500)
    with pytest.raises(KuzushijiError, match="Permission denied"):
        fetch("tiny")
    folder("tiny").chmod(0o700)


# From the user's own files


def holding(place: Path, files: dict[str, bytes]) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("where", [".", "a", "a/b"])
def test_own_files_are_found_up_to_two_folders_deep(
    where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    enter(monkeypatch, listed(None))
    holding(tmp_path / where, NPZ)
    fetched = fetch("tiny", source=tmp_path)
    assert in_place() == NPZ
    assert fetched.origins["tiny-imgs.npz"] == str((tmp_path / where / "tiny-imgs.npz").resolve())
    assert holding(tmp_path / where, {}).joinpath("tiny-imgs.npz").read_bytes() == IMAGES


def test_own_files_are_not_looked_for_deeper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter(monkeypatch, listed(None))
    holding(tmp_path / "a/b/c", NPZ)
    with pytest.raises(DownloadError, match=r"tiny-imgs\.npz was not found in"):
        fetch("tiny", source=tmp_path)


def test_links_are_followed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter(monkeypatch, listed(None))
    real = holding(tmp_path / "real", NPZ)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "tiny-imgs.npz").symlink_to(real / "tiny-imgs.npz")
    (tmp_path / "linked" / "more").symlink_to(real, target_is_directory=True)
    (tmp_path / "linked" / "nowhere").symlink_to(tmp_path / "gone")
    fetch("tiny", source=tmp_path / "linked")
    assert in_place() == NPZ
    assert not any(path.is_symlink() for path in folder("tiny").iterdir())


@pytest.mark.parametrize("as_folder", [True, False])
def test_own_files_are_found_in_zips(as_folder: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter(monkeypatch, listed(None))
    archive = zipped(tmp_path / "archive.zip", {f"inner/{name}": content for name, content in NPZ.items()})
    (tmp_path / "broken.zip").write_bytes(archive.read_bytes()[:5000])
    fetch("tiny", source=tmp_path if as_folder else archive)
    assert in_place() == NPZ


def test_a_damaged_zip_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter(monkeypatch, listed(None))
    whole = zipped(tmp_path / "archive.zip", NPZ).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:100_000])
    with pytest.raises(DataError, match=r"cut\.zip is not a whole zip file"):
        fetch("tiny", source=tmp_path / "cut.zip")
    (tmp_path / "flipped.zip").write_bytes(whole[:1000] + bytes(1000) + whole[2000:])
    with pytest.raises(DownloadError, match="cannot be read"):
        fetch("tiny", source=tmp_path / "flipped.zip")
    assert set(in_place()) <= {"tiny-labels.npz"}


def test_the_format_that_the_user_has_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter(monkeypatch, listed(None))
    holding(tmp_path, only("images.gz", "labels.gz", "tiny-labels.npz"))
    assert fetch("tiny", source=tmp_path).format == "idx"
    assert in_place() == only("images.gz", "labels.gz")


def test_own_files_end_a_download_that_was_begun(
    server: FileServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    enter(monkeypatch, listed(server, "short"))
    with pytest.raises(DownloadError):
        fetch("tiny")
    fetch("tiny", source=holding(tmp_path, NPZ))
    assert in_place() == NPZ


def test_wrong_own_files_are_refused_and_right_ones_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter(monkeypatch, listed(None))
    holding(tmp_path, NPZ | {"tiny-imgs.npz": IMAGES[:1000]})
    with pytest.raises(DownloadError, match=r"tiny-imgs\.npz is not right: 1,000 of 300,000 bytes") as raised:
        fetch("tiny", source=tmp_path)
    assert "To get tiny by hand" in str(raised.value)
    assert in_place() == only("tiny-labels.npz")
    holding(tmp_path / "deeper", NPZ)
    fetch("tiny", source=tmp_path)
    assert in_place() == NPZ


def test_no_such_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter(monkeypatch, listed(None))
    with pytest.raises(DataError, match="does not exist"):
        fetch("tiny", source=tmp_path / "nowhere")


def test_files_put_into_a_folder_of_the_dataset_itself_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, listed(None))
    holding(folder("tiny") / "unpacked", NPZ)
    fetch("tiny", source=folder("tiny"))
    assert [report.status for report in verify("tiny")] == ["right", "right"]
    assert set(fetch("tiny", source=folder("tiny")).origins.values()) == {"already there"}


def test_the_old_edition_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter(monkeypatch, listed(None))
    old = IMAGES[1000:]
    edition = replace(catalog.SUPERSEDED[0], size=len(old), md5=hashlib.md5(old).hexdigest()[:8])
    monkeypatch.setattr(catalog, "SUPERSEDED", (edition,))
    holding(tmp_path, NPZ | {"tiny-imgs.npz": old})
    with pytest.raises(DownloadError, match="test images of KMNIST as they were before February 2019"):
        fetch("tiny", source=tmp_path)
    holding(folder("tiny"), {"tiny-imgs.npz": old})
    assert "before February 2019" in verify("tiny", "npz")[0].detail


def test_the_old_edition_is_named_by_its_size_before_it_is_downloaded(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(monkeypatch, listed(server, "good"))
    server.files = FILES | {"tiny-imgs.npz": IMAGES[1000:]}
    monkeypatch.setattr(catalog, "SUPERSEDED", (replace(catalog.SUPERSEDED[0], size=len(IMAGES) - 1000),))
    with pytest.raises(DownloadError, match="before February 2019"):
        fetch("tiny")
    assert in_place() == {}


# Without a published hash


def characters(count: int) -> CharacterImages:
    images = np.random.default_rng(0).integers(256, size=(count, 64, 64), dtype=np.uint8)
    return CharacterImages(images=images, labels=np.arange(count) % 2, classes=("一", "二"))


def test_a_tar_with_a_part_of_the_images_is_taken_and_said_to_be_one(tmp_path: Path) -> None:
    write_tar(tmp_path / "kkanji.tar", characters(6))
    fetched = fetch("kkanji", source=tmp_path)
    note = "6 of the 140,424 images that were published, 2 of 3,832 classes; 0 of the 127,093 that are known are there"
    assert [told.partition("; content")[0] for told in fetched.notes] == [f"kkanji.tar: {note}"]
    (report,) = verify("kkanji")
    assert (report.status, report.detail.partition("; the same file as on")[0]) == ("right", note)
    assert state("kkanji") == "part"
    # Of two files without a hash, the one that the user names is the one that is meant.
    write_tar(tmp_path / "kkanji.tar", characters(8))
    assert fetch("kkanji", source=tmp_path / "kkanji.tar").notes[0].startswith("kkanji.tar: 8 of")
    assert fetch("kkanji", offline=True).notes[0].startswith("kkanji.tar: 8 of")


def test_a_whole_tar_is_said_to_be_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = catalog.DATASETS["kkanji"]
    formats = {"tar": (replace(entry.files()[0], known=""),)}
    entry = replace(entry, counts={"all": 6}, classes=2, formats=formats)
    monkeypatch.setitem(catalog.DATASETS, "kkanji", entry)
    write_tar(tmp_path / "kkanji.tar", characters(6))
    assert "6 images, as many as were published" in fetch("kkanji", source=tmp_path).notes[0]


@pytest.mark.parametrize("damage", ["cut", "cut between images", "page", "text", "empty"])
def test_what_is_no_whole_tar_is_refused(damage: str, tmp_path: Path) -> None:
    write_tar(tmp_path / "kkanji.tar", characters(6))
    whole = (tmp_path / "kkanji.tar").read_bytes()
    first = whole.index(b"ustar", 600) - 257
    content = {
        "cut": whole[: first + 700],
        "cut between images": whole[:first],
        "page": b"<html>404</html>",
        "text": b"hello",
        "empty": b"",
    }[damage]
    (tmp_path / "kkanji.tar").write_bytes(content)
    with pytest.raises(DownloadError, match=r"kkanji\.tar is not right"):
        fetch("kkanji", source=tmp_path)
    assert in_place("kkanji") == {}
    assert state("kkanji") == "absent"


def test_pages_cannot_be_downloaded_and_the_steps_are_told() -> None:
    with pytest.raises(DownloadError, match="no address to download it from") as raised:
        fetch("recognition")
    assert "https://www.kaggle.com/c/kuzushiji-recognition" in str(raised.value)
    assert "log in" in str(raised.value)
    assert "train_images" in str(raised.value)
    assert "--from FOLDER" in by_hand(catalog.dataset("recognition"))


PAGES = {
    "train.csv": b"image_id,labels\np1,U+3042 1 2 3 4\n",
    "unicode_translation.csv": "Unicode,char\nU+3042,あ\n".encode(),
}
IMAGES_OF_PAGES = {f"train_images/p{number}.jpg": bytes([number]) * 100 for number in range(3)}


@pytest.mark.parametrize("form", ["folder", "zip", "zip in a folder", "zips for each"])
def test_pages_are_taken_as_kaggle_gives_them(form: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "train_images").mkdir(parents=True)
    if form == "folder":
        holding(source, PAGES | IMAGES_OF_PAGES)
    elif form == "zips for each":
        holding(source, {"unicode_translation.csv": PAGES["unicode_translation.csv"]})
        zipped(source / "train.csv.zip", {"train.csv": PAGES["train.csv"]})
        zipped(source / "train_images.zip", {Path(name).name: body for name, body in IMAGES_OF_PAGES.items()})
    else:
        zipped(source / "x.zip", PAGES | IMAGES_OF_PAGES | {"test_images/t.jpg": b"x", "sample_submission.csv": b""})
    fetched = fetch("recognition", source=source / "x.zip" if form == "zip" else source)
    assert fetched.notes == ["train_images: 3 of the 3,881 pages that were published"]
    place = folder("recognition")
    assert {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*.*")} == PAGES | IMAGES_OF_PAGES
    assert state("recognition") == "part"
    # Later the user has more of them.
    zipped(tmp_path / "later.zip", PAGES | IMAGES_OF_PAGES | {"train_images/p9.jpg": b"new"})
    assert "4 of the 3,881" in fetch("recognition", source=tmp_path / "later.zip").notes[0]
    assert sorted(path.name for path in place.iterdir()) == ["train.csv", "train_images", "unicode_translation.csv"]


def test_pages_that_are_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train_images").mkdir()
    holding(tmp_path, IMAGES_OF_PAGES | PAGES | {"train.csv": b"id,text\n"})
    with pytest.raises(DownloadError, match="begins with 'id,text'; expected 'image_id,labels'"):
        fetch("recognition", source=tmp_path)
    assert not (folder("recognition") / "train.csv").exists()


# Real files


def test_real_files_are_taken_and_damage_is_found(real_data: Path) -> None:
    fetched = fetch("kmnist6k", source=real_data / "kmnist6k")
    assert state("kmnist6k") == "complete"
    assert len(fetched.origins) == 5
    assert all(report.is_right for report in verify("kmnist6k"))
    train_images = folder("kmnist6k") / "kmnist-train-imgs.npz"
    content = bytearray(train_images.read_bytes())
    content[1_000_000] ^= 1
    train_images.write_bytes(content)
    assert state("kmnist6k") == "complete"  # by size it is; only reading tells
    wrong = [report for report in verify("kmnist6k") if not report.is_right]
    assert [report.name for report in wrong] == ["kmnist-train-imgs.npz"]
    assert "expected 1,923,587 bytes with f838ff14" in wrong[0].detail
    with pytest.raises(DownloadError, match="no address to download it from"):
        fetch("kmnist6k")
    fetch("kmnist6k", source=real_data)
    assert all(report.is_right for report in verify("kmnist6k"))
    (folder("kmnist6k") / "kmnist_classmap.csv").unlink()
    assert fetch("kmnist6k", offline=True).origins["kmnist_classmap.csv"] == "written from the catalogue"


def test_real_files_in_either_form_lack_only_the_train_images(real_data: Path) -> None:
    for format, lacking in (("npz", "kmnist-train-imgs.npz"), ("idx", "train-images-idx3-ubyte.gz")):
        with pytest.raises(DownloadError, match=f"^{lacking} was not found"):
            fetch("kmnist", format, source=real_data / "kmnist")
        statuses = {report.name: report.status for report in verify("kmnist", format)}
        assert statuses.pop(lacking) == "absent"
        assert set(statuses.values()) == {"right"}
    assert state("kmnist") == "part"


def test_real_files_of_another_set_are_named(real_data: Path) -> None:
    with pytest.raises(DownloadError, match=r"this is kmnist-train-imgs\.npz of kmnist6k"):
        fetch("kmnist", source=real_data / "kmnist6k")


def test_real_pages_are_taken(real_data: Path, tmp_path: Path) -> None:
    pages = real_data / "pages"
    for path in (*pages.glob("*.csv"), *(pages / "labelled").iterdir()):
        (tmp_path / path.name).symlink_to(path)
    fetched = fetch("recognition", source=tmp_path)
    assert fetched.notes == ["train_images: 4 of the 3,881 pages that were published"]
    assert len(list((folder("recognition") / "train_images").iterdir())) == 4
