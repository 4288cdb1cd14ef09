"""The catalogue against the files that it describes."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from kuzushiji.data.catalogue.sets import DATASETS, Dataset, dataset, folder, superseded
from kuzushiji.data.files.class_map import write_class_map
from kuzushiji.errors import UsageError

every_dataset = pytest.mark.parametrize("entry", DATASETS.values(), ids=DATASETS)


@every_dataset
def test_each_entry_is_complete(entry: Dataset) -> None:
    assert entry.title
    assert entry.description
    assert entry.manual_steps
    assert entry.licence == "CC BY-SA 4.0"
    assert "NIJL" in entry.attribution
    assert entry.citation.startswith("@")
    assert entry.count > 0
    assert entry.subset_of in ("", *DATASETS)
    for files in entry.formats.values():
        assert len({file.name for file in files}) == len(files)
        for file in files:
            assert file.md5 is None or re.fullmatch("[0-9a-f]{32}", file.md5)
            assert file.md5 is None or file.size
            assert all(url.startswith("http") and url.endswith(f"/{file.name}") for url in file.urls)


def test_what_needs_no_login_has_more_than_one_address() -> None:
    for name in ("kmnist", "k49", "kkanji"):
        for files in dataset(name).formats.values():
            assert all(len(file.urls) >= 2 for file in files)


@pytest.mark.parametrize("name", ["kmnist", "kmnist6k", "k49"])
def test_class_map_is_the_published_one(name: str, tmp_path: Path) -> None:
    entry = dataset(name)
    file = next(file for file in entry.files() if file.name == entry.class_map)
    write_class_map(tmp_path / file.name, tuple(entry.characters))
    content = (tmp_path / file.name).read_bytes()
    assert (len(content), hashlib.md5(content).hexdigest()) == (file.size, file.md5)
    assert len(entry.characters) == entry.classes


@pytest.mark.parametrize("name", ["kmnist", "kmnist6k", "k49"])
def test_files_have_the_size_and_hash_of_the_real_ones(name: str, real_data: Path) -> None:
    listed = {file.name: file for files in dataset(name).formats.values() for file in files}
    found = sorted(path for path in (real_data / name).iterdir() if path.suffix in (".gz", ".npz", ".csv"))
    assert found
    for path in found:
        content = path.read_bytes()
        assert (len(content), hashlib.md5(content).hexdigest()) == (listed[path.name].size, listed[path.name].md5)


@pytest.mark.parametrize("name", ["kmnist", "kmnist6k", "k49"])
def test_counts_are_those_of_the_real_labels(name: str, real_data: Path) -> None:
    entry = dataset(name)
    for split, count in entry.counts.items():
        file = next(file.name for file in entry.files() if f"{split}-labels" in file.name)
        per_class = np.bincount(np.load(real_data / name / file)["arr_0"])
        assert (len(per_class), per_class.sum()) == (entry.classes, count)
        if entry.balanced:
            assert len(set(per_class)) == 1
    if name == "k49":
        train = np.bincount(np.load(real_data / "k49" / "k49-train-labels.npz")["arr_0"])
        assert f"{train.min():,} to {train.max():,} images" in entry.description


def test_mean_and_deviation_are_those_of_the_real_images(real_data: Path) -> None:
    images = np.load(real_data / "kmnist6k" / "kmnist-train-imgs.npz")["arr_0"] / 255
    assert images.mean() == pytest.approx(dataset("kmnist6k").mean, abs=5e-5)
    assert images.std() == pytest.approx(dataset("kmnist6k").deviation, abs=5e-5)
    # The first tenth is not the whole, but near it.
    assert images.mean() == pytest.approx(dataset("kmnist").mean, abs=1e-3)
    assert images.std() == pytest.approx(dataset("kmnist").deviation, abs=1e-3)


def test_unknown_names_are_wrong_usage_and_get_a_hint() -> None:
    with pytest.raises(UsageError, match="did you mean kmnist"):
        dataset("kminst")
    with pytest.raises(UsageError, match="known: idx, npz"):
        dataset("kmnist").files("hdf5")
    with pytest.raises(UsageError):
        folder("../kmnist")


def test_folder_follows_the_home(own_home: Path) -> None:
    assert folder("k49") == own_home / "data" / "k49"


def test_the_old_edition_of_the_test_images_is_known() -> None:
    assert "before February 2019" in superseded(3_069_285).what  # type: ignore[union-attr]
    assert superseded(3_069_285, "c8fe4d39" + "0" * 24) is not None
    assert superseded(3_069_285, "0" * 32) is None
    assert superseded(3_079_479) is None
