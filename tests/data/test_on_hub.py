"""Data sets on a hub."""

import json

import numpy as np
import pytest

from kuzushiji.cli import main
from kuzushiji.data.on_hub import on_hub
from kuzushiji.data.source import load, named_in, parse
from kuzushiji.errors import DataError, DownloadError, UsageError
from kuzushiji.hub import push_data
from kuzushiji.runs.run import find_run
from tests.bars import bar_images

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=")  # of huggingface_hub, when it uploads a large file

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


def test_data_is_pushed_with_a_card_and_comes_back_as_it_was(hub, bars_folder, capsys):
    arguments = [str(bars_folder), "me/bars", "--credit", "kmnist", "--note", "Bars, drawn by a program.", "--json"]
    assert main(["hub", "push-data", *arguments]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert not err
    assert told["splits"] == {"train": 240, "test": 80}
    files = hub.repos["dataset", "me/bars"].commits[told["commit"]]
    names = {"data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"}
    assert set(files) == {".gitattributes", "README.md", *names}
    before = load(bars_folder, "train")
    after = load(told["address"], "train")
    np.testing.assert_array_equal(after.images, before.images)
    np.testing.assert_array_equal(after.labels, before.labels)
    assert after.classes == before.classes
    card = pytest.importorskip("huggingface_hub").DatasetCard(files["README.md"].decode())
    assert (card.data.license, card.data.size_categories) == ("cc-by-sa-4.0", ["n<1K"])
    assert "320 images of 4 characters" in card.text
    assert "240 for train, 80 for test" in card.text
    assert '> "KMNIST Dataset" (created by CODH)' in card.text
    assert "clanuwat2018deep" in card.text
    assert "Bars, drawn by a program." in card.text
    assert f"kuzushiji hub push-data {bars_folder.name} me/bars" in card.text, "no folder of this machine"
    counts = np.bincount(before.labels)
    assert f"| 0 | {before.classes[0]} | {counts[0]} | 20 |" in card.text
    assert main(["train", "nn_1", "--data", "hf:me/bars", "--epochs", "1", "--no-report"]) == 0


def test_data_that_is_pushed_again_replaces_what_was_there(hub, bars_folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("kuzushiji.data.files.parquet_writing._LARGEST", 12 * 12 * 100)
        first = push_data(bars_folder, "me/bars", licence="cc-by-4.0").repository
    repo = hub.repos["dataset", "me/bars"]
    assert "data/train-00002-of-00003.parquet" in repo.commits[first.revision]
    assert b"license: cc-by-4.0" in repo.commits[first.revision]["README.md"]
    second = push_data("brush:kmnist:3", "hf:me/bars").repository
    there = [path for path in repo.commits[second.revision] if path.endswith(".parquet")]
    assert sorted(there) == ["data/test-00000-of-00001.parquet", "data/train-00000-of-00001.parquet"]
    assert load("hf:me/bars", "train").images.shape == (30, 28, 28)
    assert len(load(first.address, "train")) == 240, "a commit stays as it was"


def test_data_with_a_licence_gets_no_other(hub, bars_folder):
    with pytest.raises(UsageError, match=r"these are of Kuzushiji-MNIST, under CC BY-SA 4\.0"):
        push_data(bars_folder, "me/bars", credit=["kmnist"], licence="mit")
    assert not hub.asked
