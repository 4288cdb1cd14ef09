"""A limit chooses by labels and names, and no more is decoded than that: undivided folders, pages, parquet files."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.data.files import decode
from kuzushiji.data.files.image_files import write_class_folders
from kuzushiji.data.files.undivided import some_that_train, training_counts
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.pages import cutting
from kuzushiji.data.source import load, parse
from kuzushiji.data.splits import assign_by_hash, subsample
from kuzushiji.imaging.read import read_gray
from kuzushiji.runs.config import ImageChoice
from kuzushiji.runs.recipe import Recipe
from kuzushiji.runs.splits import read_splits
from tests.data.pages.test_pages import write_kaggle
from tests.data.tar import write_tar
from tests.data.test_source import made


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of image files that are decoded."""
    counts: list[int] = []
    before = decode._decoded
    monkeypatch.setattr(
        decode, "_decoded", lambda listing, places: counts.append(len(places)) or before(listing, places)
    )
    return counts


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the images of pages that are decoded."""
    sizes: list[int] = []
    monkeypatch.setattr(cutting, "read_gray", lambda content: sizes.append(len(content)) or read_gray(content))
    return sizes


def same(one: CharacterImages, other: CharacterImages) -> bool:
    return one.fingerprint() == other.fingerprint() and one.ids.tolist() == other.ids.tolist()


# Class folders that nothing divides


@pytest.mark.parametrize("form", ["folder", "tar", "tar.gz", "kkanji"])
def test_of_an_undivided_folder(tmp_path: Path, form: str, decoded: list[int]) -> None:
    data = made(1500)
    source: Path | str = tmp_path / "mine"
    if form == "kkanji":
        source = "kkanji"
        write_tar(catalog.folder("kkanji") / "kkanji.tar", data)
    else:
        write_class_folders(tmp_path / "mine", data)
    if form.startswith("tar"):
        kind = {"tar.gz": "gztar"}.get(form, form)
        source = Path(shutil.make_archive(str(tmp_path / "packed"), kind, tmp_path / "mine"))
    some = load(source, "train", limit=60)
    assert sum(decoded) < 60 + 2 * 60 + 256 + 1  # taken, looked at, and as many as tell paper from ink
    assert some.class_counts().tolist() == [20, 20, 20]
    whole = load(source, "train")
    rows = np.searchsorted(whole.ids, some.ids)
    assert same(some, whole.select(rows))  # so that none is of another split
    assert same(load(source, "train", limit=60), some)  # whatever has been decoded since
    assert set(load(source, "train", limit=20).ids) < set(some.ids)
    assert len(load(source, "train", limit=10_000)) == len(whole)
    assert same(load(source, "test", limit=9), subsample(load(source, "test"), 9))


def test_that_none_is_of_another_split() -> None:
    """With hashes drawn anew, a class of any size, any number wanted."""
    chance = np.random.default_rng(0)
    for _ in range(60):
        sizes = chance.choice([1, 2, 4, 5, 6, 9, 14, 15, 30, 100, 700], 12)
        labels = chance.permutation(np.repeat(np.arange(12), sizes))
        hashes = np.frombuffer(chance.bytes(32 * len(labels)), "V32")
        train = np.flatnonzero(assign_by_hash(hashes, labels) == 0)
        assert len(train) == training_counts(labels).sum()
        asked: list[int] = []
        limit = int(chance.integers(1, len(train) + 1))
        taken = some_that_train(
            labels,
            limit,
            lambda places, asked=asked, hashes=hashes: asked.extend(places) or list(map(bytes, hashes[places])),
        )
        assert set(taken) <= set(train)
        assert len(taken) == limit
        assert len(set(asked)) == len(asked)


def test_a_run_chooses_among_all_as_it_did(tmp_path: Path) -> None:
    """Its validation and test images take all of the folder at any rate."""
    write_class_folders(tmp_path / "mine", made(300))
    splits = read_splits(parse(tmp_path / "mine"), Recipe(), ImageChoice(limit=30))
    assert same(splits.train, subsample(load(tmp_path / "mine", "train"), 30))


# Pages


@pytest.mark.parametrize("by", ["page", "book"])
def test_of_pages(tmp_path: Path, by: str, opened: list[int]) -> None:
    write_kaggle(tmp_path / "pages")
    source = parse(f"{tmp_path / 'pages'}:{by}")
    told: list[tuple[int, int]] = []
    some = source.load("train", limit=1, progress=lambda *counts: told.append(counts))
    assert (len(some), len(opened), told) == (1, 1, [(1, 1)])
    five = source.load("train", limit=5)
    whole = source.load("train")
    assert same(some, subsample(whole, 1))
    assert same(five, subsample(whole, 5))
    assert same(source.load("train", limit=5), five)
    assert same(source.load("train", limit=1000), whole)
    assert source.load("test", limit=3).classes == whole.classes


def test_of_pages_one_of_which_is_damaged(tmp_path: Path, opened: list[int]) -> None:
    folder = write_kaggle(tmp_path / "pages")
    (page, *_) = [path for path in sorted(folder.rglob("*.jpg")) if path.stem in train_pages(folder)]
    page.write_bytes(page.read_bytes()[:300])
    with pytest.warns(match="could not be read|broken|damaged"):
        whole = load(folder, "train")
    for cache in (tmp_path.parent).rglob("decoded"):
        shutil.rmtree(cache)
    opened.clear()
    with pytest.warns(match="could not be read|broken|damaged"):
        some = load(folder, "train", limit=40)
    assert len(opened) > 4  # all after all
    assert same(some, subsample(whole, 40))


def train_pages(folder: Path) -> set[str]:
    """The names of the pages to train on."""
    from kuzushiji.data.pages.characters import divide
    from kuzushiji.data.pages.tables import page_names

    return {name for name, split in divide(page_names(folder)).items() if split == "train"}


# Parquet files


def test_of_parquet_files(tmp_path: Path, decoded: list[int]) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow, of the extra parquet, is not installed")
    from tests.data.files.test_parquet import write

    data = made(900)
    for name, rows in (("train", slice(0, 800)), ("test", slice(800, 900))):
        labels = [data.classes[label] for label in data.labels[rows].tolist()]
        write(tmp_path / "set" / f"{name}.parquet", data.images[rows], labels)
    some = load(tmp_path / "set", "train", limit=30)
    assert sum(decoded) <= 30 + 256 + 1
    assert same(some, subsample(load(tmp_path / "set", "train"), 30))
