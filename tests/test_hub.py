"""Models to a hub and back, and everywhere a model is named."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import kuzushiji
from kuzushiji.cli import main
from kuzushiji.errors import DataError, UsageError
from kuzushiji.home import runs_folder
from kuzushiji.hub import pull, push
from kuzushiji.reading.pretrained import find_network
from kuzushiji.runs.detector import DetectorConfig, exported_start, started_from
from kuzushiji.runs.run import find_run
from kuzushiji.shipped import DETECTOR
from kuzushiji.training.start import describe_start, model_of
from tests.bars import write_bars
from tests.plots.synthetic import make_images
from tests.reading.writing import page_of_writing

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=")  # of huggingface_hub, when it uploads a large file


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run trained on bars, exported."""
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUZUSHIJI_HOME", str(folder))
        write_bars(folder / "bars")
        assert main(["train", "nn_1", "--data", str(folder / "bars"), "--epochs", "2", "--run", "mine"]) == 0
        assert main(["export", "mine", "--note", "Bars, drawn by a program."]) == 0
    return folder / "runs" / "mine"


@pytest.fixture
def run(made):
    shutil.copytree(made, runs_folder() / "mine")
    return find_run("mine")


def metadata_of(readme: bytes):
    card = pytest.importorskip("huggingface_hub").RepoCard(readme.decode())
    return card.data.to_dict(), card.text


def test_a_run_goes_to_the_hub_with_its_card_and_comes_back(run, hub, capsys):
    assert main(["hub", "push", "mine", "me/bars", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    files = hub.repos["model", "me/bars"].commits[told["commit"]]
    assert {"README.md", "model.onnx", "model.safetensors", "config.json", "predictions.npz", "report.html"} <= set(
        files
    )
    data, text = metadata_of(files["README.md"])
    assert (data["license"], data["library_name"], data["datasets"]) == ("unknown", "kuzushiji", ["bars"])
    measured = {each["type"]: each["value"] for each in data["model-index"][0]["results"][0]["metrics"]}
    assert measured["accuracy"] == pytest.approx(run.predictions().accuracy, abs=1e-5)
    assert 'kuzushiji.Recognizer("hf:me/bars")' in text
    assert "Bars, drawn by a program." in text
    assert text.count("\n# ") == 1, "the card has one title"

    assert main(["hub", "pull", "me/bars", "--json"]) == 0
    pulled = json.loads(capsys.readouterr().out)
    again = find_run("hf:me/bars")
    assert str(again.path) == pulled["path"]
    assert again.name == f"me--bars-{told['commit'][:12]}"
    assert not again.report_file.exists(), "a stranger's page is not taken"
    np.testing.assert_array_equal(again.predictions().logits, run.predictions().logits)
    asked = len(hub.asked)
    assert main(["evaluate", pulled["address"], "--json"]) == 0
    assert len(hub.asked) == asked, "what is pinned and here is not asked for again"


def test_a_training_that_starts_from_the_hub_notes_the_commit(run, hub):
    pushed = push("mine", "me/bars")
    start = describe_start("nn_1", "hf:me/bars", None, None)
    assert start.name == f"hf:me/bars@{pushed.revision}"
    assert start.kind == "run"


def test_a_training_starts_from_a_repository_that_holds_an_exported_file_alone(hub):
    pushed, boxes = push("kmnist", "me/kana"), push(DETECTOR, "me/boxes")
    start = describe_start("preact_resnet20", "hf:me/kana", None, None)
    assert (start.kind, start.name) == ("exported", pushed.address)
    assert model_of(start)[1] == tuple("おきすつなはまやれを")
    config = started_from(DetectorConfig((), "", ()), boxes.address)
    assert exported_start(config).read_bytes() == DETECTOR.read_bytes()


def test_a_network_that_ships_goes_there_with_its_licence_and_names_characters_from_there(hub, tmp_path, capsys):
    pushed = push("kmnist", "hf:me/kana", private=True)
    repo = hub.repos["model", "me/kana"]
    assert repo.private
    data, text = metadata_of(repo.commits[pushed.revision]["README.md"])
    assert data["license"] == "cc-by-sa-4.0"
    assert data["model-index"][0]["results"][0]["metrics"][0]["value"] > 0.9
    assert "How good it is" in text
    assert find_network(pushed.address).read_bytes() == find_network("kmnist").read_bytes()
    Image.fromarray(make_images(("お", "き"), 1, side=64).images[0]).save(tmp_path / "a.png")
    assert main(["recognize", str(tmp_path / "a.png"), "--model", "hf:me/kana", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["model"] == pushed.address
    found = pull("me/kana")
    assert (found.path.name, found.repository) == ("model.onnx", pushed)


def test_a_page_says_which_commit_read_it(hub):
    network, detector = push("kmnist", "me/kana"), push(DETECTOR, "me/boxes")
    page = kuzushiji.Reader("hf:me/boxes", "hf:me/kana", language=False)(page_of_writing())
    assert network.address in [step.model for step in page.steps]
    assert page.steps[0].settings["model"] == detector.address


def test_what_is_not_ours_is_refused(hub):
    hub.add("you/other", {"README.md": b"---\n---\n", "pytorch_model.bin": b"no"})
    hub.add("you/wrong", {"README.md": b"---\n---\n", "model.onnx": b"no"})
    hub.add("you/run", {"README.md": b"---\n---\n", "config.json": b'{"model_type": "bert"}'})
    with pytest.raises(DataError, match=r"hf:you/other has no model\.onnx"):
        kuzushiji.Recognizer("hf:you/other")
    with pytest.raises(DataError, match="is no ONNX file"):
        kuzushiji.Recognizer("hf:you/wrong")
    with pytest.raises(DataError, match="is no ONNX file"):
        pull("you/wrong")
    with pytest.raises(DataError, match="holds neither a run nor a network"):
        pull("you/other")
    with pytest.raises(DataError, match="holds no run of kuzushiji"):
        find_run("hf:you/run")
    assert not runs_folder().exists()
    with pytest.raises(UsageError, match="expected hf:OWNER/NAME"):
        push("kmnist", "kana")
