"""Repositories of models and data on a hub."""

import pytest

from kuzushiji.errors import DataError, DownloadError, KuzushijiError, UsageError
from kuzushiji.home import cache_folder
from kuzushiji.repository import Repository, pinned, repository

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=")  # of huggingface_hub, when it uploads a large file

CARD = b"---\nlicense: mit\n---\n"


def test_names():
    assert repository("kmnist") is None
    assert repository("hf:me/kana") == Repository("model", "me/kana")
    assert repository("hf:me/kana@v1.0", "dataset") == Repository("dataset", "me/kana", "v1.0")
    assert repository("hf:me/kana@refs/convert/parquet").revision == "refs/convert/parquet"
    assert repository("hf:me/kana@v1").address == "hf:me/kana@v1"


@pytest.mark.parametrize("name", ["hf:", "hf:kana", "hf:me/kana@", "hf:me/../kana", "hf:me/ka na", "hf:a/b/c", "hf:/x"])
def test_wrong_names(name):
    with pytest.raises(UsageError, match="expected hf:OWNER/NAME"):
        repository(name)


def test_fetches_what_is_asked_for_and_pins_the_commit(hub):
    first = hub.add("me/kana", {"README.md": CARD, "model.onnx": b"one" * 1000, "other.bin": b"2"})
    folder = repository("hf:me/kana").fetched("model.onnx")
    assert folder.name == first
    assert [path.name for path in folder.iterdir()] == ["model.onnx"]
    assert cache_folder() in folder.parents
    address = pinned("hf:me/kana")
    assert address == f"hf:me/kana@{first}"
    second = hub.add("me/kana", {"model.onnx": b"two"})
    assert repository("hf:me/kana").fetched("model.onnx").name == second
    assert repository(address).file("model.onnx", "a network").read_bytes() == b"one" * 1000
    assert pinned("kmnist") == "kmnist"


def test_what_is_here_is_used_where_nobody_can_be_asked(hub, monkeypatch):
    commit = hub.add("me/kana", {"README.md": CARD, "model.onnx": b"one"})
    found = repository("hf:me/kana")
    found.fetched("model.onnx")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = len(hub.asked)
    assert found.file("model.onnx", "a network").read_bytes() == b"one"
    assert found.fetched("model.onnx").name == commit
    assert len(hub.asked) == asked, "nobody was asked"
    with pytest.raises(DownloadError, match="not here, or not whole, and HF_HUB_OFFLINE is set"):
        repository("hf:me/other").fetched("model.onnx")
    with pytest.raises(KuzushijiError, match="HF_HUB_OFFLINE is set, and nothing can be pushed"):
        found.push({"a": b"1"}, "more")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert found.file("model.onnx", "a network").read_bytes() == b"one"
    with pytest.raises(DownloadError, match=r"http://127\.0\.0\.1:9 can't be reached"):
        repository("hf:me/other").fetched("model.onnx")
    with pytest.raises(DownloadError, match=r"http://127\.0\.0\.1:9 can't be reached"):
        found.push({"a": b"1"}, "more")


def test_errors_say_what_to_do(hub, monkeypatch):
    hub.add("me/kana", {"README.md": CARD})
    hub.add("me/private", {"README.md": CARD}, private=True)
    hub.add("me/gated", {"README.md": CARD}, gated=True)
    with pytest.raises(DataError, match=r"hf:me/kana has no model\.onnx; expected a network"):
        repository("hf:me/kana").file("model.onnx", "a network")
    with pytest.raises(DownloadError, match="has no revision 'v9'"):
        repository("hf:me/kana@v9").fetched("*")
    with pytest.raises(DownloadError, match=r"there is no model me/nothing on http.*, or it is private"):
        repository("hf:me/nothing").fetched("*")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(DownloadError, match="or it is private; look at the name, or log in with `hf auth login`"):
        repository("hf:me/private").fetched("*")
    with pytest.raises(DownloadError, match="asks for a consent first: give it at http"):
        repository("hf:me/gated").fetched("*")
    hub.refuses = 500
    with pytest.raises(DownloadError, match="answered 500 about hf:me/kana"):
        repository("hf:me/kana@v1").fetched("*")


def test_a_full_or_closed_disk_is_said_to_be_the_reason(hub, own_home):
    hub.add("me/kana", {"README.md": CARD})
    cache_folder().mkdir()
    (cache_folder() / "hub").write_text("a file where a folder is to be")
    with pytest.raises(KuzushijiError, match=r"cache/hub.* can't be written or read .*set KUZUSHIJI_HOME"):
        repository("hf:me/kana").fetched("*")


def test_pushes_small_and_large_files_in_one_commit(hub, tmp_path, monkeypatch):
    large = tmp_path / "model.onnx"
    large.write_bytes(bytes(range(256)) * 100)
    pushed = repository("hf:me/kana").push({"README.md": CARD, "model.onnx": large}, "first", private=True)
    repo = hub.repos["model", "me/kana"]
    assert repo.private
    assert repo.refs["main"] == pushed.revision
    assert repo.commits[pushed.revision]["model.onnx"] == large.read_bytes()
    assert repo.commits[pushed.revision]["README.md"] == CARD
    assert len(hub.large) == 1, "the small file went into the commit itself"
    again = repository("hf:me/kana").push({"README.md": CARD + b"more"}, "second")
    assert again.revision != pushed.revision
    assert again.file("model.onnx", "a network").read_bytes() == large.read_bytes()
    with pytest.raises(KuzushijiError, match="does not let you write to you/kana"):
        repository("hf:you/kana").push({"README.md": CARD}, "first")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(KuzushijiError, match=r"does not know who .*; log in with `hf auth login`, or set HF_TOKEN"):
        repository("hf:me/kana").push({"README.md": CARD}, "third")
