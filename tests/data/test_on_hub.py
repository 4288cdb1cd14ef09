"""Data sets on a hub."""

import numpy as np
import pytest

from kuzushiji.cli import main
from kuzushiji.data.on_hub import on_hub
from kuzushiji.data.source import load, named_in, parse
from kuzushiji.errors import DataError, DownloadError, UsageError
from kuzushiji.runs.run import find_run
from tests.bars import bar_images

pytest.importorskip("pyarrow", reason="pyarrow, of the extra parquet, is not installed")


@pytest.fixture
def bars(hub, tmp_path):
    """A data set on the hub: 240 training and 80 test images of four characters; the hash of its commit."""
    from tests.data.files.test_parquet import write

    files = {"README.md": b"---\nlicense: cc-by-4.0\n---\n"}
    for split, count in (("train", 240), ("test", 80)):
        images, labels = bar_images(count)
        write(tmp_path / "x.parquet", images, labels.tolist(), names=["あ", "い", "う", "え"])
        files[f"data/{split}-00000-of-00001.parquet"] = (tmp_path / "x.parquet").read_bytes()
    return hub.add("me/bars", files, "dataset")


def test_names():
    assert on_hub("kmnist") is None
    found = on_hub("hf:me/set@v1:k49")
    assert (found.repository.kind, found.name, found.address) == ("dataset", "hf:me/set:k49", "hf:me/set@v1:k49")
    assert named_in("hf:me/set+kmnist")[0].name == "hf:me/set", "what was recorded is read without asking anybody"
    with pytest.raises(UsageError, match="expected hf:OWNER/NAME"):
        parse("hf:me")


def test_reads_as_any_data_and_says_which_commit(bars):
    source = parse("hf:me/bars")
    assert (source.name, source.address, source.label) == ("hf:me/bars", f"hf:me/bars@{bars}", "bars")
    assert source.splits == ("train", "test")
    train = load("hf:me/bars", "train")
    np.testing.assert_array_equal(train.images, bar_images(240)[0])
    assert (train.name, train.classes) == ("hf:me/bars", ("あ", "い", "う", "え"))
    both = load("hf:me/bars+brush:kmnist:1", "train", image_size=12)
    assert both.classes[:4] == train.classes


def test_a_training_notes_the_commit_and_finds_its_images_again(bars, hub, capsys):
    assert main(["train", "nn_1", "--data", "hf:me/bars", "--epochs", "1", "--run", "mine", "--no-report"]) == 0
    hub.add("me/bars", {"data/test-00000-of-00001.parquet": b"another"}, "dataset")
    run = find_run("mine")
    assert run.config.data.address == f"hf:me/bars@{bars}"
    assert f"--data hf:me/bars@{bars}" in run.config.command
    assert len(run.images("test", check=True)) == 80


def test_only_the_files_of_the_part_that_is_asked_for_are_fetched(hub, tmp_path):
    from tests.data.files.test_parquet import write

    images, labels = bar_images(8)
    write(tmp_path / "x.parquet", images, labels.tolist())
    content = (tmp_path / "x.parquet").read_bytes()
    card = "\n".join(f"- config_name: {name}\n  data_files: {name}/*.parquet" for name in ("k49", "kanji"))
    files = {"README.md": f"---\nconfigs:\n{card}\n---\n".encode()}
    hub.add("me/set", files | {"k49/a.parquet": content, "kanji/a.parquet": content}, "dataset")
    with pytest.raises(UsageError, match="hf:me/set has k49, kanji; say which, such as hf:me/set:k49"):
        load("hf:me/set")
    assert len(load("hf:me/set:kanji")) == 8
    assert not any("k49/a.parquet" in path for _, path in hub.asked)


def test_what_is_no_data_of_ours_is_refused(hub):
    hub.add("you/text", {"README.md": b"---\n---\n", "data.csv": b"a,b"}, "dataset")
    with pytest.raises(DataError, match=r"hf:you/text@\w+ has no parquet files.*try hf:you/text@refs/convert/parquet"):
        load("hf:you/text")
    with pytest.raises(DownloadError, match="there is no dataset you/nothing"):
        parse("hf:you/nothing")
