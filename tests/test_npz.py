import zipfile
from pathlib import Path

import numpy as np
import pytest

from kuzushiji.errors import DataError
from kuzushiji.npz import opened_arrays, save_arrays


def test_arrays_come_back(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.npz", {"x": np.arange(5), "name": "か"}, compressed=True)
    with opened_arrays(tmp_path / "a.npz", "file", "make") as arrays:
        assert sorted(arrays) == ["name", "x"]
        assert arrays["x"].tolist() == list(range(5))
        assert str(arrays["name"]) == "か"
        assert "y" not in arrays


@pytest.mark.parametrize(
    "header",
    [b"{'descr': '|u1', 'fortran_order': False, 'shape': (9", b"{'descr': 'x'}", b"'" * 50, b"[" * 2000, b"\xff" * 60],
)
def test_headers_that_are_none_are_damage(tmp_path: Path, header: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(9))
    with (
        pytest.raises(DataError, match=r"not a whole file .*; remove it and run `make`"),
        opened_arrays(tmp_path / "a.npz", "file", "make") as arrays,
    ):
        _ = arrays["x"]


def test_what_unpacks_to_much_more_than_it_has_is_refused_before_it_is(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("kuzushiji.npz._LITTLE", 2**20)
    save_arrays(tmp_path / "a.npz", {"x": np.zeros(2**22, np.uint8)}, compressed=True)
    with (
        pytest.raises(DataError, match=r"4 MiB unpacked; .* 1 MiB"),
        opened_arrays(tmp_path / "a.npz", "file", "make") as arrays,
    ):
        _ = arrays["x"]
