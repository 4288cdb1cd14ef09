import csv
import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kuzushiji import home
from kuzushiji.data.files import cache, decode, image_files
from kuzushiji.data.files.image_files import ImageFiles, write_class_folders
from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataError, KuzushijiError
from kuzushiji.files import file_hash
from tests.data.tar import write_tar

COUNT = 300
MANY = 2100  # so many are decoded by several processes
IMAGES = np.random.default_rng(0).integers(0, 100, (MANY, 8, 8), dtype=np.uint8)
ALL = CharacterImages(IMAGES, np.arange(MANY) % 40, tuple(chr(0x4E00 + number) for number in range(40)))
DATA = ALL.select(slice(0, COUNT))


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    write_tar(tmp_path / "kk.tar", DATA)
    return tmp_path / "kk.tar"


@pytest.fixture
def large_tar(tmp_path: Path) -> Path:
    write_tar(tmp_path / "kk.tar", ALL)
    return tmp_path / "kk.tar"


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Grows by one each time something is decoded."""
    found: list[Path] = []

    def counted(listing, *arguments, **options):
        found.append(listing.root)
        return decode.decode_listing(listing, *arguments, **options)

    monkeypatch.setattr(image_files, "decode_listing", counted)
    return found


def kept() -> list[str]:
    """What is in the cache, the locks aside."""
    return sorted(path.name for path in (home.cache_folder() / "decoded").iterdir() if path.suffix != ".lock")


def same(first: cache.CachedImages, second: cache.CachedImages) -> bool:
    return (
        (first.images == second.images).all()
        and (first.labels == second.labels).all()
        and (first.ids == second.ids).all()
        and (first.classes, first.bounds, first.source) == (second.classes, second.bounds, second.source)
    )


def test_decoded_once_and_mapped_afterwards(tar: Path, decodings: list[Path]) -> None:
    first, second = ImageFiles(tar).decoded(), ImageFiles(tar).decoded()
    assert decodings == [tar]
    assert same(first, second)
    assert isinstance(second.images, np.memmap)
    by_class = np.argsort(DATA.labels, kind="stable")  # the order in which the tar is listed
    assert (second.images == DATA.images[by_class][second.ids]).all()
    assert (second.labels == DATA.labels[by_class][second.ids]).all()
    assert sorted(second.ids) == list(range(COUNT))


def test_each_split_is_one_slice_in_the_order_of_ids(tar: Path) -> None:
    found = ImageFiles(tar).decoded()
    assert list(found.bounds) == ["train", "validation", "test"]
    assert [stop for _, stop in found.bounds.values()][-1] == COUNT
    for start, stop in found.bounds.values():
        assert (np.diff(found.ids[start:stop]) > 0).all()


def test_writing_to_the_images_does_not_reach_the_file(tar: Path) -> None:
    first = ImageFiles(tar).decoded()
    first.images[:] = 7
    assert (ImageFiles(tar).decoded().images != 7).any()


def test_a_moved_source_keeps_its_cache(tar: Path, decodings: list[Path]) -> None:
    ImageFiles(tar).decoded()
    (tar.parent / "elsewhere").mkdir()
    ImageFiles(tar.rename(tar.parent / "elsewhere" / tar.name)).decoded()
    assert len(decodings) == 1


def test_a_changed_source_is_decoded_again_and_its_old_cache_removed(tar: Path, decodings: list[Path]) -> None:
    ImageFiles(tar).decoded()
    before = kept()
    write_tar(tar, DATA.select(slice(0, 250)))
    assert len(ImageFiles(tar).decoded().images) == 250
    assert len(decodings) == 2
    assert len(kept()) == 1
    assert kept() != before


def test_a_folder_to_which_an_image_is_added_is_decoded_again(tmp_path: Path, decodings: list[Path]) -> None:
    write_class_folders(tmp_path / "f", DATA.select(slice(0, 200)))
    ImageFiles(tmp_path / "f").decoded()
    (tmp_path / "f" / "U+4E00" / "zzz.png").write_bytes((tmp_path / "f" / "U+4E00" / "000000.png").read_bytes())
    assert len(ImageFiles(tmp_path / "f").decoded().images) == 201
    assert len(decodings) == 2


def test_each_size_has_its_own_cache_and_one_split(tar: Path) -> None:
    small, whole = ImageFiles(tar).decoded(5), ImageFiles(tar).decoded()
    assert small.images.shape == (COUNT, 5, 5)
    assert (small.ids == whole.ids).all()
    assert small.bounds == whole.bounds
    assert len(kept()) == 2


def truncate(path: Path) -> None:
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)


@pytest.mark.parametrize("name", ["images.npy", "labels.npy", "ids.npy", "about.json"])
@pytest.mark.parametrize("harm", [truncate, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_cache_that_is_not_whole_is_made_again(tar: Path, decodings: list[Path], name: str, harm) -> None:
    first = ImageFiles(tar).decoded()
    first_pixels = first.images.copy()
    harm(home.cache_folder() / "decoded" / kept()[0] / name)
    second = ImageFiles(tar).decoded()
    assert (second.images == first_pixels).all()
    assert len(decodings) == 2
    assert len(kept()) == 1


@pytest.mark.parametrize("place", ["\\u4e00", '"bounds"', '"notes"', '"checksum"'])
def test_a_flipped_bit_in_what_is_known_of_a_cache_does_no_harm(tar: Path, place: str) -> None:
    """As one in a class, which would be another character."""
    first = ImageFiles(tar).decoded()
    about = first.folder / "about.json"
    content = bytearray(about.read_bytes())
    content[content.index(place.encode()) + 5] ^= 1
    about.write_bytes(content)
    second = ImageFiles(tar).decoded()
    assert same(first, second)
    assert second.classes == first.classes


def test_what_a_killed_process_left_is_removed(tar: Path) -> None:
    ImageFiles(tar).decoded()
    (name,) = kept()
    folder = home.cache_folder() / "decoded"
    (folder / name / "about.json").unlink()
    (folder / f".{name}.0123abcd.part").mkdir()
    (folder / f".{name}.0123abcd.part" / "decoded.npy").write_bytes(b"half")
    ImageFiles(tar).decoded()
    assert kept() == [name]


def test_the_source_is_known_by_its_hash(tar: Path, tmp_path: Path) -> None:
    assert ImageFiles(tar).decoded().source == {"kk.tar": file_hash(tar)}
    write_class_folders(tmp_path / "f", DATA.select(slice(0, 50)))
    write_class_folders(tmp_path / "g" / "f", DATA.select(slice(0, 50)))
    folder, copy = ImageFiles(tmp_path / "f").decoded(), ImageFiles(tmp_path / "g" / "f").decoded()
    assert folder.source == copy.source
    assert list(folder.source) == ["f"]


def test_damaged_images_leave_no_cache(tar: Path) -> None:
    content = bytearray(tar.read_bytes())
    content[512 + 40 : 512 + 60] = bytes(20)
    tar.write_bytes(content)
    with pytest.raises(DataError, match=r"U\+4E00/000000\.png in .*kk\.tar is a damaged image"):
        ImageFiles(tar).decoded()
    assert kept() == []


LOAD = """
import hashlib, sys
from pathlib import Path
from kuzushiji.data.files.image_files import ImageFiles
from kuzushiji.errors import KuzushijiError
try:
    found = ImageFiles(Path(sys.argv[1])).decoded(progress=lambda done, total: print("decoding", flush=True))
except KuzushijiError as error:
    sys.exit(str(error))
print(hashlib.sha256(found.images.tobytes()).hexdigest())
"""


def start(code: str, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_two_processes_at_once_decode_once(large_tar: Path) -> None:
    processes = [start(LOAD, large_tar), start(LOAD, large_tar)]
    found = [process.communicate(timeout=180)[0].split() for process in processes]
    assert found[0][-1] == found[1][-1]
    assert sorted("decoding" in lines for lines in found) == [False, True]
    assert len(kept()) == 1


def test_a_script_without_a_main_guard_runs_once(large_tar: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"print('begin')\nimport sys\nsys.argv[1:] = [{str(large_tar)!r}]\n{LOAD}")
    found = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True)
    assert found.stdout.count("begin") == 1
    assert found.stderr == ""


def test_a_file_called_as_a_standard_module_does_no_harm(large_tar: Path, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('wrong json')")
    code = f"import sys; sys.path.remove('')\n{LOAD}"
    found = subprocess.run(
        [sys.executable, "-c", code, str(large_tar)], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert "decoding" in found.stdout


def test_a_full_disk_leaves_nothing_behind(large_tar: Path) -> None:
    code = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000))\n{LOAD}"
    process = start(code, large_tar)
    said = process.communicate(timeout=180)[1]
    assert process.returncode == 1
    assert "could not be written: File too large; nothing was lost" in said
    assert "Traceback" not in said
    assert kept() == []


def test_ctrl_c_leaves_nothing_behind(large_tar: Path) -> None:
    code = LOAD.replace(
        'print("decoding", flush=True)', '(print("decoding", flush=True), __import__("time").sleep(60))'
    )
    process = start(code, large_tar)
    assert process.stdout is not None
    assert process.stdout.readline() == "decoding\n"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it: to the process and to those it started
    said = process.communicate(timeout=180)[1]
    assert said.count("Traceback") == 1  # that of this script; a decoding process says nothing
    assert "KeyboardInterrupt" in said
    assert kept() == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_killed_process_takes_its_decoders_along(large_tar: Path) -> None:
    code = LOAD.replace(
        'print("decoding", flush=True)', '(print("decoding", flush=True), __import__("time").sleep(60))'
    )
    process = start(code, large_tar)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate(timeout=180)  # ends when the last process that holds its stderr does
    assert len(ImageFiles(large_tar).decoded().images) == MANY
    assert len(kept()) == 1


def test_a_cache_that_cannot_be_written(tar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KUZUSHIJI_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(KuzushijiError, match=r"cannot be written .*set KUZUSHIJI_HOME"):
        ImageFiles(tar).decoded()


def test_a_part_of_the_published_tar(real_data: Path, tmp_path: Path) -> None:
    """Real images, cut out of the strips in which they are kept here, packed as they were published."""
    with gzip.open(real_data / "kkanji" / "index.csv.gz", "rt", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["strip"] == "0"]
    strip = np.asarray(Image.open(real_data / "kkanji" / "strip-000.webp").convert("L"))
    images = strip[: 64 * len(rows)].reshape(len(rows), 64, 64)
    classes = tuple(sorted({chr(int(row["path"].split("/")[0][2:], 16)) for row in rows}))
    labels = np.array([classes.index(chr(int(row["path"].split("/")[0][2:], 16))) for row in rows])
    write_tar(tmp_path / "kkanji.tar", CharacterImages(images, labels, classes))
    found = ImageFiles(tmp_path / "kkanji.tar").decoded()
    assert found.classes == classes
    order = np.argsort(found.ids)
    assert (found.images[order] == images).all()  # published sorted, and bright on black: nothing is inverted
    assert (found.labels[order] == labels).all()
    about = json.loads((home.cache_folder() / "decoded" / kept()[0] / "about.json").read_text(encoding="utf-8"))
    assert about["shape"] == [len(rows), 64, 64]
