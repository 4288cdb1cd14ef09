"""A limit chooses by labels and names, and no more is decoded than that: undivided folders, pages, parquet files."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.data.files import array_folder, decode
from kuzushiji.data.files.array_folder import write_arrays
from kuzushiji.data.files.image_files import write_class_folders
from kuzushiji.data.files.parquet import ParquetFiles
from kuzushiji.data.files.undivided import are_found_soon, counts_of, some_of
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.pages import cutting
from kuzushiji.data.source import load, parse
from kuzushiji.data.splits import HASH_SPLITS, Sample, assign_by_hash, subsample
from kuzushiji.errors import UsageError
from kuzushiji.explore.exploration import explore
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
        decode, "_decoded", lambda listing, places, some: counts.append(len(places)) or before(listing, places, some)
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
    assert same(load(source, "validation", limit=9), subsample(load(source, "validation"), 9))


def test_of_the_test_images_of_an_undivided_folder(tmp_path: Path, decoded: list[int]) -> None:
    """Of large classes; of small ones, and of validation, it is all that has to be looked at."""
    write_class_folders(tmp_path / "mine", made(3000))
    some = load(tmp_path / "mine", "test", limit=6)
    assert sum(decoded) < 1000
    assert some.class_counts().tolist() == [2, 2, 2]
    whole = load(tmp_path / "mine", "test")
    assert same(some, whole.select(np.searchsorted(whole.ids, some.ids)))
    assert set(load(tmp_path / "mine", "test", limit=3).ids) < set(some.ids)


@pytest.mark.parametrize("split", HASH_SPLITS)
def test_that_none_is_of_another_split(split: str) -> None:
    """With hashes drawn anew, a class of any size, any number wanted."""
    chance = np.random.default_rng(0)
    for _ in range(60):
        sizes = chance.choice([1, 2, 4, 5, 6, 9, 14, 15, 30, 100, 700], 12)
        labels = chance.permutation(np.repeat(np.arange(12), sizes))
        hashes = np.frombuffer(chance.bytes(32 * len(labels)), "V32")
        right = np.flatnonzero(assign_by_hash(hashes, labels) == HASH_SPLITS.index(split))
        assert len(right) == counts_of(labels, split).sum()
        asked: list[int] = []
        limit = int(chance.integers(1, len(right) + 1))
        taken = some_of(
            labels,
            split,
            Sample(limit, seed=int(chance.integers(3))),
            lambda places, asked=asked, hashes=hashes: asked.extend(places) or list(map(bytes, hashes[places])),
        )
        assert set(taken) <= set(right)
        assert len(taken) == limit
        assert len(set(asked)) == len(asked)


def test_a_run_chooses_among_all_as_it_did(tmp_path: Path) -> None:
    """Its validation and test images take all of the folder at any rate."""
    write_class_folders(tmp_path / "mine", made(300))
    splits = read_splits(parse(tmp_path / "mine"), Recipe(), ImageChoice(limit=30))
    assert same(splits.train, subsample(load(tmp_path / "mine", "train"), 30))


def test_what_is_not_found_soon() -> None:
    of_one_size = [np.repeat(np.arange(4), size) for size in (40, 60_000)]
    assert not any(are_found_soon(of_one_size[0], split, Sample(4)) for split in ("validation", "test"))
    assert all(are_found_soon(of_one_size[1], split, Sample(4)) for split in HASH_SPLITS)
    assert not are_found_soon(of_one_size[1], "test", Sample(20_000))


# Folders that are divided, and several sources


@pytest.mark.parametrize("form", ["folder", "zip", "gztar"])
def test_of_a_divided_folder_one_split_alone_is_decoded(tmp_path: Path, form: str, decoded: list[int]) -> None:
    for name, count, seed in (("train", 900, 0), ("test", 30, 1)):
        write_class_folders(tmp_path / "mine" / name, made(count, seed=seed))
    source = tmp_path / "mine"
    if form != "folder":
        source = Path(shutil.make_archive(str(tmp_path / "packed"), form, source))
    test = load(source, "test")
    assert sum(decoded) <= 30 + 256 + 1
    assert len(test) == 30
    decoded.clear()
    assert parse(source).splits == ("train", "test")
    assert same(load(source, "test"), test)
    assert same(load(source, "test", limit=9), subsample(test, 9))
    assert not decoded
    assert len(load(source, "train")) == 900
    with pytest.raises(UsageError, match="has no split 'validation'; it has train, test"):
        load(source, "validation")


@pytest.mark.parametrize("exact", [True, False])
def test_of_several_sources(tmp_path: Path, exact: bool, decoded: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """By the labels of all, of array files and divided folders: the same as of all together, decoding no more."""
    write_arrays(tmp_path / "arrays", made(400), prefix="k")
    write_class_folders(tmp_path / "folders" / "train", made(800, seed=1))
    held: list[int] = []
    before = array_folder.read_pair
    monkeypatch.setattr(
        array_folder, "read_pair", lambda *given: held.append(len((found := before(*given))[0])) or found
    )
    source = parse(f"{tmp_path / 'arrays'}+{tmp_path / 'folders'}+brush:kmnist:20")
    some = source.load("train", limit=60, exact=exact, seed=3, image_size=28)
    assert sum(decoded) <= 60 + 256 + 1
    assert sum(held) <= 60
    assert same(some, subsample(source.load("train", image_size=28), 60, seed=3))


def test_of_several_sources_of_which_one_is_undivided(tmp_path: Path, decoded: list[int]) -> None:
    write_arrays(tmp_path / "arrays", made(400), prefix="k")
    write_class_folders(tmp_path / "folders", made(800, seed=1))
    source = parse(f"{tmp_path / 'folders'}+{tmp_path / 'arrays'}")
    some = source.load("train", limit=40)
    assert sum(decoded) < 100 + 256 + 1
    assert len(some) == 40
    whole = source.load("train")
    assert some.classes == whole.classes
    assert {image.tobytes() for image in some.images} <= {image.tobytes() for image in whole.images}
    of_the_first = {image.tobytes() for image in load(tmp_path / "folders", "train").images}
    assert 22 <= sum(image.tobytes() in of_the_first for image in some.images) <= 28  # 640 of 1,040


def test_a_look_at_a_dataset_decodes_what_it_looks_at(tmp_path: Path, decoded: list[int]) -> None:
    for name in ("train", "test"):
        write_class_folders(tmp_path / "mine" / name, made(600))
    found = explore(tmp_path / "mine", only=["balance"], limit=12, seed=4)
    assert sum(decoded) <= 2 * (12 + 256 + 1)
    assert same(found.main_split, subsample(load(tmp_path / "mine", "train"), 12, seed=4))


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
    assert len(load(tmp_path / "set", "test")) == 100
    assert sum(decoded) <= 130 + 2 * (256 + 1)
    assert same(some, subsample(load(tmp_path / "set", "train"), 30))


def test_of_parquet_files_no_more_is_written_down_than_is_decoded(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow, of the extra parquet, is not installed")
    from tests.data.files.test_parquet import write

    data = made(900)
    write(tmp_path / "set" / "train.parquet", data.images, [data.classes[label] for label in data.labels.tolist()])
    files = ParquetFiles(tmp_path / "set")
    chosen = np.array([3, 500, 899])
    listing = files.with_bytes(files.listed(), chosen, tmp_path / "unpacked")
    assert (tmp_path / "unpacked").stat().st_size < 3 * 2000
    pixels = [read_gray(content) for content in listing.contents(chosen)]
    assert all((pixels[row] == data.images[place]).all() for row, place in enumerate(chosen))
