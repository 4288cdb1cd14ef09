import gzip
import io
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kuzushiji.data.files.array_folder import write_arrays
from kuzushiji.data.files.arrays import read_array, read_images, read_labels, read_pair, write_idx, write_npz
from kuzushiji.data.files.class_map import read_class_map, write_class_map
from kuzushiji.data.files.listing import list_images
from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataError, UsageError
from tests.data.tar import write_tar

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 7, 5), dtype=np.uint8)
LABELS = np.arange(30) % 3
DATA = CharacterImages(IMAGES, LABELS, ("か゚", "お", "rare"), split="test", ids=np.arange(30) * 7)


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


# Arrays


@pytest.mark.parametrize("name", ["a.npz", "a-idx3-ubyte", "a-idx3-ubyte.gz"])
def test_an_array_comes_back_as_it_was_written(tmp_path: Path, name: str) -> None:
    write = write_npz if name.endswith("npz") else write_idx
    write(tmp_path / name, IMAGES)
    found = read_images(tmp_path / name)
    assert found.dtype == np.uint8
    assert (found == IMAGES).all()
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "float32", "float64"])
def test_idx_has_six_types(tmp_path: Path, dtype: str) -> None:
    array = np.arange(-6 if dtype != "uint8" else 0, 6).astype(dtype).reshape(2, -1)
    write_idx(tmp_path / "a", array)
    found = read_array(tmp_path / "a")
    assert found.dtype == np.dtype(dtype)
    assert (found == array).all()


def test_idx_has_no_type_for_int64(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="int64; convert to uint8"):
        write_idx(tmp_path / "a", LABELS)
    assert list(tmp_path.iterdir()) == []


def test_the_same_array_gives_the_same_gzip_bytes(tmp_path: Path) -> None:
    write_idx(tmp_path / "a.gz", IMAGES)
    write_idx(tmp_path / "b.gz", IMAGES)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_the_npz_that_is_written_is_one_that_numpy_reads(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", IMAGES)
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays.files == ["arr_0"]
        assert (arrays["arr_0"] == IMAGES).all()


def test_the_one_array_of_an_npz_may_have_any_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", whatever=IMAGES)
    assert (read_images(tmp_path / "a.npz") == IMAGES).all()


def test_masks_of_0_and_1_are_black_and_white(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", IMAGES // 128)
    assert (read_images(tmp_path / "a.npz") == 255 * (IMAGES // 128)).all()


def test_fortran_order_is_read_right(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", np.asfortranarray(IMAGES))
    assert (read_images(tmp_path / "a.npz") == IMAGES).all()


def test_real_labels_of_every_format_agree(real_data: Path) -> None:
    kmnist = real_data / "kmnist"
    assert (read_labels(kmnist / "t10k-labels-idx1-ubyte.gz") == read_labels(kmnist / "kmnist-test-labels.npz")).all()
    assert (read_images(kmnist / "t10k-images-idx3-ubyte.gz") == read_images(kmnist / "kmnist-test-imgs.npz")).all()
    labels = read_labels(real_data / "k49" / "k49-train-labels.npz")
    assert len(labels) == 232_365
    assert np.bincount(labels).min() == 392


def test_real_images_that_are_cut_off(real_data: Path, tmp_path: Path) -> None:
    for name in ("t10k-images-idx3-ubyte.gz", "kmnist-test-imgs.npz"):
        content = (real_data / "kmnist" / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(DataError, match=rf"{name} is damaged or not whole .* fetch it again"):
            read_images(tmp_path / name)


def test_real_labels_of_one_set_and_images_of_another(real_data: Path) -> None:
    with pytest.raises(DataError, match=r"10000 images but .*6284 labels"):
        read_pair(real_data / "kmnist6k" / "kmnist-test-imgs.npz", real_data / "kmnist6k" / "kmnist-train-labels.npz")


def test_swapped_files_are_noticed(tmp_path: Path) -> None:
    write_idx(tmp_path / "images", IMAGES)
    write_idx(tmp_path / "labels", LABELS.astype(np.uint8))
    with pytest.raises(DataError, match=r"labels holds 30 numbers uint8, .* swapped"):
        read_images(tmp_path / "labels")
    with pytest.raises(DataError, match=r"images holds images, uint8 \(30, 7, 5\); .* swapped"):
        read_labels(tmp_path / "images")


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (IMAGES.astype(np.float32) / 255, r"float32 \(30, 7, 5\)"),
        (IMAGES.reshape(30, 35), r"uint8 \(30, 35\)"),
        (IMAGES[..., None], r"uint8 \(30, 7, 5, 1\)"),
        (np.array(["a", "b"]), "<U1"),
        (np.array(3, dtype=np.uint8), r"uint8 \(\)"),
    ],
)
def test_images_of_another_type_or_shape(tmp_path: Path, array: np.ndarray, found: str) -> None:
    np.savez(tmp_path / "a.npz", array)
    with pytest.raises(
        DataError, match=rf"a\.npz holds .*{found}.*expected images, uint8 \(N, H, W\)|look like labels"
    ):
        read_images(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (LABELS.astype(np.float32), "float32"),
        (np.eye(3, dtype=np.uint8), r"\(3, 3\)"),
        (np.array([1, -1]), "the label -1"),
    ],
)
def test_labels_of_another_type_or_shape(tmp_path: Path, array: np.ndarray, found: str) -> None:
    np.savez(tmp_path / "a.npz", array)
    with pytest.raises(DataError, match=rf"a\.npz holds .*{found}"):
        read_labels(tmp_path / "a.npz")


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "sprung",)

    np.savez(tmp_path / "a.npz", np.array([Trap()], dtype=object))
    with pytest.raises(DataError, match="Python objects"):
        read_array(tmp_path / "a.npz")
    assert not (tmp_path / "sprung").exists()


def test_several_arrays_in_one_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=IMAGES, y=LABELS)
    with pytest.raises(DataError, match=r"holds x\.npy, y\.npy; expected one array"):
        read_array(tmp_path / "a.npz")


def test_an_npz_that_unpacks_to_an_absurd_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_npz(tmp_path / "a.npz", np.zeros((4000, 28, 28), np.uint8))
    assert (tmp_path / "a.npz").stat().st_size < 10_000
    monkeypatch.setattr("kuzushiji.npz._LITTLE", 2**20)
    with pytest.raises(DataError, match=r"declares an array of \(4000, 28, 28\).* made to fill the memory"):
        read_array(tmp_path / "a.npz")


def test_an_npz_whose_header_promises_more_than_it_holds(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (2**30, 28, 28)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("arr_0.npy", header.getvalue())
    with pytest.raises(DataError, match=r"a\.npz is damaged or not whole \(its header says \(1073741824, 28, 28\)"):
        read_array(tmp_path / "a.npz")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "is not an IDX file"),
        (b"<html><body>404 Not Found", "starts with a web page"),
        (b"\0\0\x0c", "is not an IDX file"),
        (b"\0\0\x08\x03" + struct.pack(">2I", 30, 7), "damaged or not whole"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 30, 7, 5) + bytes(1000), "1050 bytes, but it ends after 1000"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 30, 7, 5) + bytes(1051), "1050 bytes, but there are more"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2**32 - 1, 28, 28) + bytes(99), "3,367,254,359,280 bytes: damage"),
        (b"\0\0\x08\x04" + struct.pack(">4I", *[2**32 - 1] * 4) + bytes(99), "made to fill the memory"),
    ],
)
def test_idx_files_that_are_none(tmp_path: Path, content: bytes, found: str, packed: bool) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=found):
        read_array(tmp_path / "a")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.npz does not exist"):
        read_array(tmp_path / "a.npz")
    with pytest.raises(DataError, match="is a folder"):
        read_array(tmp_path)


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    write_npz(folder / "a.npz", IMAGES)
    write_idx(folder / "a", IMAGES)
    write_idx(folder / "a.gz", IMAGES)
    write_class_map(folder / "a.csv", DATA.classes)
    write_tar(folder / "a.tar", DATA)
    return folder


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4), keep=st.integers(0, 2000))
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("a.npz", read_images),
        ("a", read_images),
        ("a.gz", read_images),
        ("a.csv", read_class_map),
        ("a.tar", list_images),
    ],
)
def test_a_damaged_file_gives_an_error_that_names_it_or_none(
    whole_files: Path, tmp_path: Path, name: str, read, changes: list[tuple[int, int]], keep: int
) -> None:
    content = bytearray((whole_files / name).read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    (tmp_path / name).write_bytes(content[:keep] if keep < 1000 else content)
    said = str(tmp_path / name)
    try:
        read(tmp_path / name)
    except DataError as error:
        said = str(error)
    assert str(tmp_path / name) in said


@pytest.mark.parametrize("form", ["npz", "idx"])
def test_loading_takes_less_than_twice_the_memory_of_the_arrays(tmp_path: Path, form: str) -> None:
    images = np.zeros((100_000, 28, 28), np.uint8)
    images[:, 5:9, 3:20] = np.arange(17, dtype=np.uint8) * 15
    data = CharacterImages(images, np.arange(100_000) % 49, tuple(map(str, range(49))), split="train")
    write_arrays(tmp_path, data, prefix="many", form=form)
    # VmHWM and not ru_maxrss, which a new process inherits from this one.
    code = """
import sys
from kuzushiji.data.source import load
def peak():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = peak()
data = load(sys.argv[1])
print((peak() - before) / (data.images.nbytes + data.labels.nbytes + data.ids.nbytes))
"""
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux tells a process its own peak")
    found = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True, text=True)
    assert 0.9 < float(found.stdout) < 1.5
