"""Which parquet files are of which split."""

import pytest

from kuzushiji.data.files.parquet_layout import files_by_split, read_card
from kuzushiji.errors import DataError, UsageError


def made(folder, *names, card=""):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "README.md").write_text(card, encoding="utf-8")
    return read_card(folder / "README.md")


def splits_of(folder, card, part=""):
    found = files_by_split(folder, card, card.part(part, "it"))
    return {split: [path.relative_to(folder).as_posix() for path in paths] for split, paths in found.items()}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("data/train-00000-of-00001.parquet", "train"),
        ("data/test-00000-of-00002.parquet", "test"),
        ("val.parquet", "validation"),
        ("default/validation/0000.parquet", "validation"),
        ("kmnist_dev_1.parquet", "validation"),
        ("my-evaluation.parquet", "test"),
        ("latest.parquet", "train"),
        ("characters.parquet", "train"),
    ],
)
def test_the_name_tells_the_split(tmp_path, name, split):
    assert splits_of(tmp_path, made(tmp_path, name)) == {split: [name]}


def test_the_card_goes_before_the_names(tmp_path):
    card = made(
        tmp_path,
        *("a/one.parquet", "a/two.parquet", "b/test.parquet"),
        card="---\nconfigs:\n- config_name: first\n  data_files:\n  - split: train\n    path: a/*.parquet\n"
        "  - split: test\n    path: [b/test.parquet]\n  - split: extra\n    path: b/*\n---\n# Text\n",
    )
    assert splits_of(tmp_path, card) == {"train": ["a/one.parquet", "a/two.parquet"], "test": ["b/test.parquet"]}
    assert card.patterns("first") == ("a/*.parquet", "b/test.parquet")


def test_of_several_parts_one_is_to_be_named(tmp_path):
    parts = (("k49", "k49"), ("kanji", "x"))
    configs = "".join(f"- config_name: {name}\n  data_files: {folder}/*.parquet\n" for name, folder in parts)
    card = made(tmp_path, "k49/one.parquet", "x/one.parquet", card=f"---\nconfigs:\n{configs}---\n")
    with pytest.raises(UsageError, match="it has k49, kanji; say which, such as it:k49"):
        card.part("", "it")
    with pytest.raises(UsageError, match="did you mean kanji"):
        card.part("kanj", "it")
    assert splits_of(tmp_path, card, "kanji") == {"train": ["x/one.parquet"]}


def test_of_several_folders_one_is_to_be_named(tmp_path):
    card = made(tmp_path, "k49/train/0.parquet", "kanji/train/0.parquet", "kanji/test/0.parquet")
    with pytest.raises(UsageError, match="has k49, kanji; say which"):
        splits_of(tmp_path, card)
    assert set(splits_of(tmp_path, card, "kanji")) == {"train", "test"}


def test_classes_of_the_card(tmp_path):
    card = made(
        tmp_path,
        card="---\ndataset_info:\n  features:\n  - name: image\n    dtype: image\n  - name: label\n    dtype:\n"
        "      class_label:\n        names:\n          '0': あ\n          '1': い\n          '10': お\n---\n",
    )
    assert card.classes == {"default": {"label": ("あ", "い", "お")}}


@pytest.mark.parametrize(
    "head", ["[", "configs: 3", "configs: [{config_name: a, data_files: [{split: train}]}]", "&a [*a]"]
)
def test_a_head_that_makes_no_sense_is_refused_in_a_line(tmp_path, head):
    with pytest.raises(DataError, match="can't be read"):
        made(tmp_path, card=f"---\n{head}\n---\n")


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match="has no parquet files"):
        splits_of(tmp_path, made(tmp_path))
