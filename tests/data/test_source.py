import os
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.data.catalogue.sets import dataset
from kuzushiji.data.files import decode
from kuzushiji.data.files.array_folder import write_arrays
from kuzushiji.data.files.arrays import write_idx, write_npz
from kuzushiji.data.files.class_map import read_class_map, write_class_map
from kuzushiji.data.files.image_files import write_class_folders
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.source import load, parse, published_in, title_of
from kuzushiji.data.splits import subsample
from kuzushiji.errors import DataError, KuzushijiError, UsageError
from kuzushiji.files import file_hash
from tests.data.tar import write_tar


def made(count: int = 60, classes: str = "おきす", size: int = 12, seed: int = 0) -> CharacterImages:
    """Dark paper with a random patch of ink."""
    images = np.zeros((count, size, size), np.uint8)
    patch = size // 3
    images[:, patch : 2 * patch, patch : 2 * patch] = np.random.default_rng(seed).integers(
        1, 256, (count, patch, patch), dtype=np.uint8
    )
    return CharacterImages(images, np.arange(count) % len(classes), tuple(classes), split="train")


def at_home(name: str, source: Path) -> Path:
    """Puts real files where `load(name)` looks for them."""
    folder = catalog.folder(name)
    shutil.copytree(source, folder)
    return folder


def copy_pages(folder: Path) -> None:
    """What looks like pages in the layout of Kaggle."""
    folder.mkdir()
    (folder / "train.csv").write_text("image_id,labels\n", encoding="utf-8")


# Catalogued datasets, with the real files


def test_kmnist6k(real_data: Path) -> None:
    folder = at_home("kmnist6k", real_data / "kmnist6k")
    train, test = load("kmnist6k"), load("kmnist6k", "test")
    assert (train.images.shape, test.images.shape) == ((6284, 28, 28), (10_000, 28, 28))
    assert train.classes == test.classes == tuple("おきすつなはまやれを")
    assert (train.name, train.split, test.split) == ("kmnist6k", "train", "test")
    assert test.class_counts().tolist() == [1000] * 10
    files = ["kmnist-train-imgs.npz", "kmnist-train-labels.npz", "kmnist_classmap.csv"]
    assert train.source == {name: file_hash(folder / name) for name in files}


def test_npz_and_idx_of_kmnist_are_the_same_data(real_data: Path, tmp_path: Path) -> None:
    whole = at_home("kmnist", real_data / "kmnist")
    npz = load("kmnist", "test")
    for path in whole.glob("*test*.npz"):
        path.unlink()
    (whole / "kmnist_classmap.csv").unlink()
    idx = load("kmnist", "test")
    assert idx.fingerprint() == npz.fingerprint()
    assert set(idx.source) == {"t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"}


def test_labels_without_their_images(real_data: Path) -> None:
    at_home("kmnist", real_data / "kmnist")
    with pytest.raises(
        DataError, match=r"lacks images or labels for train .*`kuzushiji data get kmnist`.*--from FOLDER"
    ):
        load("kmnist", "train")
    with pytest.raises(DataError, match=r"kmnist-train-labels\.npz is there, but not the images"):
        load(real_data / "kmnist", "train")


def test_the_classes_that_are_known_are_those_of_the_class_maps(real_data: Path) -> None:
    for name in ("kmnist", "k49"):
        assert read_class_map(real_data / name / f"{name}_classmap.csv") == tuple(dataset(name).characters)


@pytest.mark.parametrize("name", ["kmnist", "kmnist6k", "k49", "kkanji", "recognition", "recognition:book"])
def test_a_dataset_that_is_not_there(name: str) -> None:
    with pytest.raises(DataError, match=r"`kuzushiji data get (kmnist|k49|kkanji|recognition)` (fetches|says how)"):
        load(name)


# Catalogued datasets, made up


def test_kmnist6k_is_cut_out_of_kmnist_where_its_own_files_are_missing() -> None:
    whole = made(7000, "おきすつなはまやれを", size=6)
    write_arrays(catalog.folder("kmnist"), whole, prefix="kmnist")
    write_arrays(catalog.folder("kmnist"), whole.select(slice(0, 50), "test"), prefix="kmnist")
    train = load("kmnist6k")
    assert (train.name, len(train)) == ("kmnist6k", 6284)
    assert (train.images == whole.images[:6284]).all()
    assert len(load("kmnist6k", "test")) == 50


def test_kkanji_as_the_tar_or_unpacked() -> None:
    data = made(90, "一丁七", size=64)
    folder = catalog.folder("kkanji")
    write_tar(folder / "kkanji.tar", data)
    packed = {split: load("kkanji", split) for split in parse("kkanji").splits}
    assert {split: len(found) for split, found in packed.items()} == {"train": 72, "validation": 9, "test": 9}
    assert {found.name for found in packed.values()} == {"kkanji"}
    (folder / "kkanji.tar").unlink()
    write_class_folders(folder / "kkanji2", data)
    for split, found in packed.items():
        assert load("kkanji", split).fingerprint() == found.fingerprint()


def test_asking_for_the_size_that_it_has_makes_no_second_cache(own_home: Path) -> None:
    write_tar(catalog.folder("kkanji") / "kkanji.tar", made(30, "一丁七", size=64))
    load("kkanji")
    load("kkanji", image_size=64)
    assert load("kkanji", image_size=32).image_size == (32, 32)
    assert len([path for path in (own_home / "cache" / "decoded").iterdir() if path.is_dir()]) == 2


# A user's own data


def test_a_folder_of_class_folders(tmp_path: Path) -> None:
    data = made(60)
    write_class_folders(tmp_path / "mine", data)
    assert parse(tmp_path / "mine").splits == ("train", "validation", "test")
    parts = [load(tmp_path / "mine", split) for split in parse(tmp_path / "mine").splits]
    assert [len(part) for part in parts] == [48, 6, 6]
    assert {part.name for part in parts} == {"mine"}
    assert parts[0].classes == tuple("おきす")
    assert len(set(np.concatenate([part.ids for part in parts]))) == 60
    seen = {image.tobytes() for part in parts for image in part.images}
    assert seen == {image.tobytes() for image in data.images}


def test_a_folder_that_its_user_has_divided(tmp_path: Path) -> None:
    train, test = made(30), made(9, seed=1)
    write_class_folders(tmp_path / "mine" / "train", train)
    write_class_folders(tmp_path / "mine" / "test", test.select(test.labels < 2))
    assert parse(tmp_path / "mine").splits == ("train", "test")
    found = load(tmp_path / "mine", "test")
    assert found.classes == tuple("おきす")
    assert found.class_counts().tolist() == [3, 3, 0]
    assert len(load(tmp_path / "mine", "train")) == 30


def test_an_empty_split_folder(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "mine" / "train", made(9))
    (tmp_path / "mine" / "test").mkdir()
    with pytest.raises(DataError, match="holds no images for test"):
        load(tmp_path / "mine", "test")


def test_a_folder_whose_name_is_not_in_utf_8(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "mine", made(9))
    os.rename(tmp_path / "mine" / "U+304A", os.fsencode(tmp_path / "mine") + "/お".encode("shift-jis"))
    assert load(tmp_path / "mine").classes == made(9).classes
    os.rename(os.fsencode(tmp_path / "mine") + "/お".encode("shift-jis"), os.fsencode(tmp_path / "mine") + b"/\xff\xfe")
    with pytest.raises(DataError, match=r"the name of the folder b'\\xff\\xfe' is not in UTF-8; rename it"):
        load(tmp_path / "mine")


def test_the_split_of_a_folder_does_not_depend_on_the_size(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "mine", made(60))
    assert (load(tmp_path / "mine", "test", image_size=7).ids == load(tmp_path / "mine", "test").ids).all()


def test_bright_paper_and_dark_paper_give_the_same_data(tmp_path: Path) -> None:
    data = made(60)
    inverted = CharacterImages(255 - data.images, data.labels, data.classes)
    write_class_folders(tmp_path / "dark" / "train", data)
    write_class_folders(tmp_path / "bright" / "train", inverted)
    assert load(tmp_path / "dark").fingerprint() == load(tmp_path / "bright").fingerprint()


@pytest.mark.parametrize("form", ["npz", "idx"])
def test_array_files_without_a_class_map(tmp_path: Path, form: str) -> None:
    data = made(60)
    for part in (data.select(data.labels < 2, "train"), data.select(slice(0, 9), "test")):
        write_arrays(tmp_path / "mine", part, prefix="mine", form=form)
        (tmp_path / "mine" / "mine_classmap.csv").unlink()
    train, test = load(tmp_path / "mine"), load(tmp_path / "mine", "test")
    assert parse(tmp_path / "mine").splits == ("train", "test")
    assert train.classes == test.classes == ("0", "1", "2")
    assert (test.images == data.images[:9]).all()


def test_idx_files_that_are_not_packed(tmp_path: Path) -> None:
    data = made(60)
    write_idx(tmp_path / "train-images-idx3-ubyte", data.images)
    write_idx(tmp_path / "train-labels.idx1-ubyte", data.labels.astype(np.uint8))
    assert (load(tmp_path).images == data.images).all()


def test_a_class_map_that_is_too_short(tmp_path: Path) -> None:
    write_arrays(tmp_path, made(60), prefix="mine")
    write_class_map(tmp_path / "mine_classmap.csv", ("お", "き"))
    with pytest.raises(
        DataError, match=r"mine-train-labels\.npz has the label 2, but .*mine_classmap\.csv has 2 classes"
    ):
        load(tmp_path)


def test_two_sets_in_one_folder(tmp_path: Path) -> None:
    write_arrays(tmp_path, made(6), prefix="one")
    write_arrays(tmp_path, made(6), prefix="two")
    with pytest.raises(DataError, match="holds the files of one and two; give each a folder of its own"):
        load(tmp_path)


def test_two_class_maps_in_one_folder(tmp_path: Path) -> None:
    write_arrays(tmp_path, made(6), prefix="one")
    write_class_map(tmp_path / "two_classmap.csv", ("お", "き"))
    with pytest.raises(DataError, match=r"holds one_classmap\.csv and two_classmap\.csv"):
        load(tmp_path)


def test_images_and_labels_of_different_counts(tmp_path: Path) -> None:
    write_arrays(tmp_path, made(60), prefix="mine")
    write_npz(tmp_path / "mine-train-labels.npz", np.zeros(59, np.uint8))
    with pytest.raises(DataError, match=r"60 images but .*59 labels"):
        load(tmp_path)


# Names, splits and numbers


@pytest.mark.parametrize(
    ("name", "error", "found"),
    [
        ("kmnst", UsageError, "did you mean kmnist"),
        ("./kmnst", DataError, "kmnst does not exist; expected a folder"),
        ("data.tar", DataError, "does not exist"),
        ("./loop", DataError, "loop does not exist; expected a folder"),
        ("~nobody/data", DataError, "does not exist"),
        (Path("kmnist"), DataError, "kmnist does not exist"),
    ],
)
def test_names_that_stand_for_nothing(
    name: str | Path, error: type, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    with pytest.raises(error, match=found):
        load(name)


def test_a_folder_called_as_a_dataset_needs_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_class_folders(tmp_path / "kmnist", made(30))
    with pytest.raises(DataError, match="kuzushiji data get kmnist"):
        load("kmnist")
    assert load("./kmnist").name == "kmnist"


def test_one_file_of_a_pair(tmp_path: Path) -> None:
    write_arrays(tmp_path, made(6), prefix="one")
    with pytest.raises(DataError, match="one of a pair of files; name the folder"):
        load(tmp_path / "one-train-imgs.npz")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"split": "validation"}, r"has no split 'validation'; it has train, test"),
        ({"limit": 0}, "limit is 0; it must be at least 1"),
        ({"limit": -1}, "limit is -1; it must be at least 1"),
        ({"image_size": 0}, "image_size is 0; it must be from 1 to 4,096"),
        ({"image_size": 10_000}, "it must be from 1 to 4,096"),
    ],
)
def test_values_that_cannot_be(options: dict, found: str) -> None:
    with pytest.raises(UsageError, match=found):
        load("kmnist", **options)


def test_a_limit_keeps_ids_and_shares(tmp_path: Path) -> None:
    data = made(60)
    write_arrays(tmp_path, data, prefix="mine")
    found = load(tmp_path, limit=12)
    assert found.class_counts().tolist() == [4, 4, 4]
    assert (found.images == data.images[found.ids]).all()


@pytest.mark.parametrize("form", ["npz", "idx", "folder", "zip", "tar", "tar.gz"])
def test_a_limit_reads_no_more_than_it_takes(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "mine"
    if form in ("npz", "idx"):
        write_arrays(source, made(600), prefix="mine", form=form)
    else:
        write_class_folders(source / "train", made(600))
        write_class_folders(source / "test", made(30))
    if form in ("zip", "tar", "tar.gz"):
        kind = {"tar.gz": "gztar"}.get(form, form)
        source = Path(shutil.make_archive(str(tmp_path / "packed"), kind, source))
    decoded: list[int] = []
    before = decode._decoded
    monkeypatch.setattr(
        decode, "_decoded", lambda listing, places, some: decoded.append(len(places)) or before(listing, places, some)
    )
    some = load(source, "train", limit=50)
    assert sum(decoded) <= 50 + 256 + 1  # as many tell paper from ink
    whole = subsample(load(source, "train"), 50)
    for found in (some, load(source, "train", limit=50)):
        assert (found.images == whole.images).all()
        assert found.labels.tolist() == whole.labels.tolist()
        assert found.ids.tolist() == whole.ids.tolist()
        assert found.fingerprint() == whole.fingerprint()


def test_of_arrays_no_more_is_in_memory_than_a_limit_takes(tmp_path: Path) -> None:
    data = made(40)
    count = 200_000
    np.savez_compressed(tmp_path / "mine-train-labels.npz", (np.arange(count) % 3).astype(np.uint8))
    np.savez_compressed(tmp_path / "mine-train-imgs.npz", np.resize(data.images, (count, *data.image_size)))
    tracemalloc.start()
    found = load(tmp_path, "train", limit=30)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 30
    assert most < count * found.images[0].nbytes / 2


def test_arrays_are_brought_to_a_size(tmp_path: Path) -> None:
    write_arrays(tmp_path, made(6), prefix="mine")
    assert load(tmp_path, image_size=20).images.shape == (6, 20, 20)
    assert (load(tmp_path, image_size=12).images == made(6).images).all()


def test_progress_is_told_while_decoding_and_only_then(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "mine", made(60))
    told: list[tuple[int, int]] = []
    for split in ("train", "test"):
        load(tmp_path / "mine", split, progress=lambda *counts: told.append(counts))
    assert told == [(60, 60)]


# Several together


def test_parent_kanji_stand_for_their_kana() -> None:
    data = made(100, "春越龍以須")
    folder = catalog.folder("kkanji")
    write_tar(folder / "kkanji.tar", data)
    for split in parse("kkanji:k49").splits:
        kanji, kana = load("kkanji", split, image_size=12), load("kkanji:k49", split, image_size=12)
        assert kana.name == "kkanji:k49"
        assert kana.classes == tuple("いすを"), "in the order of Kuzushiji-49"
        meant = {"春": "す", "須": "す", "越": "を", "以": "い"}
        expected = [meant[kanji.classes[label]] for label in kanji.labels if kanji.classes[label] in meant]
        assert [kana.classes[label] for label in kana.labels] == expected
        at = {int(each): row for row, each in enumerate(kanji.ids)}
        few = load("kkanji:kmnist", split, image_size=12)
        assert few.classes == tuple("すを")
        assert len(few) == sum(meant.get(kanji.classes[label]) in ("す", "を") for label in kanji.labels)
        assert all((kana.images[row] == kanji.images[at[int(each)]]).all() for row, each in enumerate(kana.ids))


def test_several_are_put_together_by_their_characters(tmp_path: Path) -> None:
    own = made(30, "すxお")
    write_class_folders(tmp_path / "own" / "train", own)
    write_class_folders(tmp_path / "own" / "test", own.select(slice(0, 9)))
    name = f"brush:kmnist:20+{tmp_path / 'own'}+brush:k49:6"
    assert parse(name).splits == ("train", "test")
    data = load(name, "train", image_size=28)
    each = [load(part, "train", image_size=28) for part in name.split("+")]
    assert data.classes[:11] == (*load("brush:kmnist:20").classes, "x")
    assert set(data.classes) == set().union(*(part.classes for part in each))
    assert len(data) == len(data.ids) == sum(map(len, each))
    assert len(set(data.ids.tolist())) == len(data)
    said = [part.classes[label] for part in each for label in part.labels]
    assert [data.classes[label] for label in data.labels] == said
    np.testing.assert_array_equal(data.images, np.concatenate([part.images for part in each]))
    assert len(load(name, "train", image_size=28, limit=50)) == 50
    assert load(name, "test", image_size=28).classes == data.classes


def test_validation_images_are_trained_on_where_others_have_none() -> None:
    write_tar(catalog.folder("kkanji") / "kkanji.tar", made(100, "春越以", size=28))
    name = "brush:kmnist:5+kkanji"
    assert parse(name).splits == ("train", "test")
    counts = {split: len(load("kkanji", split)) for split in parse("kkanji").splits}
    assert counts["validation"]
    assert len(load(name, "train")) == 50 + counts["train"] + counts["validation"]
    assert len(load(name, "test")) == 10 + counts["test"]


def test_a_folder_of_training_images_alone_adds_to_these(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "more" / "train", made(30, "すx"))
    write_tar(catalog.folder("kkanji") / "kkanji.tar", made(100, "春越以"))
    name = f"kkanji+{tmp_path / 'more'}"
    assert parse(tmp_path / "more").splits == ("train",)
    assert parse(name).splits == parse("kkanji").splits == ("train", "validation", "test")
    together = {split: load(name, split, image_size=12) for split in parse(name).splits}
    for split, data in together.items():
        alone = load("kkanji", split, image_size=12)
        assert data.classes == (*alone.classes, "x", "す")
        assert len(data) == len(alone) + (30 if split == "train" else 0)
        np.testing.assert_array_equal(data.images[: len(alone)], alone.images)
        np.testing.assert_array_equal(data.labels[: len(alone)], alone.labels)
    assert parse(f"{tmp_path / 'more'}+{tmp_path / 'more'}").splits == ("train",)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("brush:kmnist+", "a plus with nothing beside it"),
        ("brush:kmnist+brush:kmnits", "did you mean brush:kmnist"),
        ("brush:kmnist+kmnits", "did you mean kmnist"),
        ("kkanji:k48", "did you mean kkanji:k49"),
        ("kmnist:book", "kmnist:book asks for a division by book, but kmnist holds no pages"),
        ("kmnist:1of3", "kmnist:1of3 asks for a division by 1of3, but kmnist holds no pages"),
        ("recognition:4of3", "there is no fold 4of3; expected such as 1of3"),
        ("recognition:1of1", "there is no fold 1of1"),
        ("own:page", "asks for a division by page, but .*own holds no pages"),
        ("brush:kmnist:few", "asks for 'few' images of a class; expected a number"),
        ("+", "a plus with nothing beside it"),
        ("brush:kmnist:2+own", "28 x 28 and 8 x 8|8 x 8 and 28 x 28"),
    ],
)
def test_what_cannot_be_put_together_is_told(name: str, message: str, tmp_path: Path) -> None:
    write_class_folders(tmp_path / "own", made(30, size=8))
    with pytest.raises((UsageError, DataError), match=message):
        load(name.replace("own", str(tmp_path / "own")), "train")


def test_an_address_finds_the_data_again_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("own", "a+b"):
        (tmp_path / name).mkdir()
    copy_pages(tmp_path / "scans")
    (tmp_path / "link").symlink_to("own")
    monkeypatch.chdir(tmp_path)
    for typed, address in {
        "brush:k49+kkanji:k49": "brush:k49+kkanji:k49",
        "recognition:page": "recognition",
        "recognition:book": "recognition:book",
        "own+kmnist": f"{tmp_path / 'own'}+kmnist",
        "a+b": f"{tmp_path / 'a+b'}",
        "kmnist+a+b+own": f"kmnist+{tmp_path / 'a+b'}+{tmp_path / 'own'}",
        "./gone": f"{tmp_path / 'gone'}",
        "link": f"{tmp_path / 'own'}",
        "scans:book": f"{tmp_path / 'scans'}:book",
        "scans:page": f"{tmp_path / 'scans'}",
        "scans:2of3": f"{tmp_path / 'scans'}:2of3",
        "recognition:2of3": "recognition:2of3",
    }.items():
        assert parse(typed).address == parse(address).address == address
        assert parse(typed).name == parse(address).name


def test_what_a_source_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "link").symlink_to("own")
    (tmp_path / "kk.tar").touch()
    copy_pages(tmp_path / "scans")
    monkeypatch.chdir(tmp_path / "own")
    called = {
        "brush:k49:60+recognition:book": ("brush:k49:60+recognition:book",) * 2,
        "..": (tmp_path.name, tmp_path.name),
        ".": ("own", "own"),
        "../link": ("own", "link"),
        "../kk.tar": ("kk", "kk.tar"),
        "../scans:book+kmnist": ("scans:book+kmnist", "scans:book+kmnist"),
        "kmnist+kmnist": ("kmnist", "kmnist+kmnist"),
    }
    assert {typed: (parse(typed).name, parse(typed).label) for typed in called} == called
    assert str(parse("../own")) == f"{tmp_path / 'own'}"


def test_titles_and_published_sets_of_what_was_typed_and_of_what_was_recorded(tmp_path: Path) -> None:
    source = parse(f"brush:k49+kkanji:k49+{tmp_path}+recognition:book+kkanji")
    titles = ["brush:k49", "Kuzushiji-Kanji", tmp_path.name, "Kuzushiji Recognition", "Kuzushiji-Kanji"]
    assert source.title == " and ".join(titles)
    assert [entry.name for entry in source.published] == ["kkanji", "recognition"]
    assert title_of(source.name) == source.title
    assert published_in(source.name) == list(source.published)
    assert title_of("brush:mine+kmnist:book+k49") == "brush:mine and kmnist:book and Kuzushiji-49"
    files = ["k49-train-imgs.npz", "k49-train-labels.npz"]
    assert (title_of("copy", files), title_of("copy"), title_of("unnamed")) == ("Kuzushiji-49", "copy", "unnamed")
    assert [entry.name for entry in published_in("copy", files)] == ["k49"]


PIECES = ["brush", "k49", "kmnist", "recognition", "page", "book", ":", "+", "/", "~", ".", "..", "6", "x", "\0"]


@example("~\0")
@example("~\ud800")
@example("a+~\0")
@given(st.one_of(st.text(max_size=20), st.lists(st.sampled_from(PIECES), max_size=8).map("".join)))
def test_any_text_is_a_source_or_refused(text: str) -> None:
    assert isinstance(title_of(text), str)
    assert isinstance(published_in(text), list)
    try:
        source = parse(text)
    except KuzushijiError:
        return
    assert parse(source) is source
    assert parse(source.address).address == source.address


@pytest.mark.parametrize("name", ["名" * 400, "名" * 400 + ".npz", "名" * 400 + ".zip:book", "a/" + "名" * 400])
def test_a_name_that_is_too_long_for_a_file_is_none(name: str) -> None:
    with pytest.raises(KuzushijiError):
        load(name, "train")
