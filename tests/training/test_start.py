"""Starting from given weights: what is given, what stays as it is, what does not fit."""

import hashlib
import json
import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataError, DownloadError, Interrupted, KuzushijiError, RunError, UsageError
from kuzushiji.exported import open_network
from kuzushiji.inference.weights import load_network, read_classes
from kuzushiji.models import create_model
from kuzushiji.models.network import HEADS
from kuzushiji.report import write_report
from kuzushiji.report.results import measure_results
from kuzushiji.runs.run import find_run
from kuzushiji.shipped import WEIGHTS
from kuzushiji.training import start
from kuzushiji.training.experiment import TrainingWatch, resume, train
from kuzushiji.training.start import (
    Published,
    describe_start,
    freeze,
    read_weights,
    start_from,
    training_mode,
)
from tests.fileserver import serving

QUICK = {"epochs": 1, "batch_size": 32, "lr": 0.05, "precision": "float32", "model_options": {"width": 4}}


@pytest.fixture
def source(bars):
    """A finished run on the same images under other names: three of the four classes, two of them as one."""
    labels = bars.labels.clip(max=2)
    other = CharacterImages(bars.images, labels, tuple("漢字仮"), name="other", split="train")
    return train("resnet", other, run="source", **QUICK)


def tensors(run):
    network, _ = load_network(run.weights_file)
    return network.state_dict()


def differing(one, other):
    """Names of the tensors that differ."""
    return {name for name, value in one.items() if not torch.equal(value, other[name])}


def test_all_but_the_head_is_given(bars, source):
    network = create_model("resnet", classes=4, image_size=12, width=4)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    described = describe_start("resnet", "source", None, None)
    assert start_from(network, described, (12, 12), bars.classes) == 0
    given = tensors(source)
    for name, value in network.state_dict().items():
        expected = before[name] if name.startswith("head.") else given[name]
        assert torch.equal(value, expected), name
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert described.sha256 == hashlib.sha256(source.weights_file.read_bytes()).hexdigest()


@pytest.mark.parametrize("head", HEADS)
def test_the_head_keeps_what_it_knows_of_the_classes_that_both_have(bars, head):
    first, second, *_ = bars.classes
    before = QUICK | {"model_options": {"width": 4, "head": head}}
    other = CharacterImages(bars.images, bars.labels.clip(max=2), (second, "漢", first), name="other", split="train")
    given = tensors(train("resnet", other, run="other", **before))
    network = create_model("resnet", classes=4, image_size=12, width=4, head=head)
    random = {name: value.clone() for name, value in network.state_dict().items()}
    assert start_from(network, describe_start("resnet", "other", None, None), (12, 12), bars.classes) == 2
    for name in (name for name in given if name.startswith("head.")):
        value = network.state_dict()[name]
        if value.ndim:
            torch.testing.assert_close(value[[0, 1]], given[name][[2, 0]], rtol=0, atol=0)
            torch.testing.assert_close(value[2:], random[name][2:], rtol=0, atol=0)
        else:
            torch.testing.assert_close(value, given[name], rtol=0, atol=0)
    test = bars.select(slice(0, 20), "test")
    run = train("resnet", bars, test=test, from_run="other", run="more", **before)
    assert run.config.start.known_classes == 2
    assert "the run other, which knew 2 of the classes" in write_report(run, images=test).read_text("utf-8")


def test_a_class_that_is_new_among_many_begins_as_their_mean(bars):
    given = tensors(train("resnet", bars, run="before", **QUICK))
    network = create_model("resnet", classes=5, image_size=12, width=4)
    classes = (*bars.classes, "漢")
    assert start_from(network, describe_start("resnet", "before", None, None), (12, 12), classes) == 4
    for name in ("head.weight", "head.bias"):
        value = network.state_dict()[name]
        torch.testing.assert_close(value[:4], given[name], rtol=0, atol=0)
        torch.testing.assert_close(value[4], given[name].mean(0))


def test_a_run_goes_on_with_the_same_classes_as_the_network_that_it_was(bars):
    before = train("resnet", bars, run="before", **QUICK)
    network = create_model("resnet", classes=4, image_size=12, width=4)
    assert start_from(network, describe_start("resnet", "before", None, None), (12, 12), bars.classes) == 4
    assert not differing(network.state_dict(), tensors(before))
    copied = create_model("resnet", classes=4, image_size=12, width=4)
    assert start_from(copied, describe_start("resnet", None, before.weights_file, None), (12, 12), bars.classes) == 4
    assert not differing(copied.state_dict(), tensors(before))


def test_a_head_of_another_kind_is_not_given(bars):
    train("resnet", bars, run="before", **QUICK)
    network = create_model("resnet", classes=4, image_size=12, width=4, head="cosine")
    random = {name: value.clone() for name, value in network.state_dict().items()}
    assert start_from(network, describe_start("resnet", "before", None, None), (12, 12), bars.classes) == 0
    assert {name for name in differing(network.state_dict(), random) if name.startswith("head.")} == set()


OURS = {"model": {"name": "nn_1"}, "dataset": {"name": "bars"}, "classes": ["あ", "い"], "recipe": {}}


@pytest.mark.parametrize(
    ("metadata", "classes"),
    [
        (None, ()),
        ({"kuzushiji": "{bad"}, ()),
        ({"kuzushiji": "[1]"}, ()),
        ({"kuzushiji": '{"classes": ["あ", "い"]}'}, ()),
        ({"kuzushiji": json.dumps(OURS)}, ("あ", "い")),
    ],
)
def test_classes_are_those_that_a_file_of_ours_names(tmp_path, metadata, classes):
    save_file({"head.weight": torch.zeros(2, 3)}, tmp_path / "weights.safetensors", metadata=metadata)
    assert read_classes(tmp_path / "weights.safetensors") == classes
    assert read_classes(tmp_path / "weights.pth") == ()


def test_a_run_starts_from_another(bars, source):
    test = bars.select(slice(0, 20), "test")
    run = train("resnet", bars, test=test, from_run="source", unfrozen=9, cover=0.6, run="mine", **QUICK)
    assert "--from source" in run.config.command
    ((row,),) = (found.rows for found in measure_results([run]))
    assert "--cover 0.6 --from source --unfrozen 9" in row.settings, "it is not listed as if it were a plain one"
    assert "the run source; of its layers only the last 9 are trained" in write_report(run, images=test).read_text(
        "utf-8"
    )
    run = train("resnet", bars, from_run="source", run="all", **QUICK)
    assert run.config.start.name == "source"
    assert run.config.classes == bars.classes
    fresh = train("resnet", bars, run="fresh", **QUICK)
    assert fresh.config.start is None
    assert "--from" not in fresh.config.command
    assert differing(tensors(run), tensors(fresh))
    assert run.config.model.parameters == fresh.config.model.parameters


def test_frozen_layers_stay_as_they_are_to_the_last_bit(bars, source):
    """Their means and deviations too, although training images go through them."""
    given = tensors(source)
    run = train("resnet", bars, from_run="source", unfrozen=0, run="head-alone", **QUICK)
    assert {name for name in differing(given, tensors(run)) if not name.startswith("head.")} == set()
    assert "--unfrozen 0" in run.config.command

    run = train("resnet", bars, from_run="source", unfrozen=2, run="some", weight_decay=0.1, **QUICK)
    changed = {name for name in differing(given, tensors(run)) if not name.startswith("head.")}
    assert changed
    assert {name.rpartition(".")[0] for name in changed} <= {"body.5.shortcut.0", "body.5.shortcut.1"}


def test_the_last_layers_are_counted_in_the_order_in_which_they_run():
    network = create_model("page_cnn", classes=3, image_size=16)
    weighty = [name for name, layer in network.body.named_children() if list(layer.parameters())]
    for unfrozen in (0, 1, 3, len(weighty), 99):
        freeze(network, "body.", unfrozen, (16, 16))
        trained = [name for name in weighty if all(p.requires_grad for p in network.body[int(name)].parameters())]
        assert trained == weighty[len(weighty) - min(unfrozen, len(weighty)) :]
        assert network.head.weight.requires_grad


def test_frozen_normalisation_is_not_put_into_training_mode():
    network = create_model("resnet", classes=3, image_size=12, width=4)
    freeze(network, "body.", 0, (12, 12))
    training_mode(network)
    assert network.training
    assert network.head.training
    assert not any(layer.training for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d))
    network.requires_grad_(True)
    training_mode(network)
    assert all(layer.training for layer in network.modules())


def test_weights_from_files(bars, source, tmp_path):
    given = tensors(source)
    torch.save(given, tmp_path / "plain.pth")
    torch.save({"state_dict": given, "epoch": 3}, tmp_path / "nested.pth")
    save_file(given, tmp_path / "ours.safetensors")
    for name in ("plain.pth", "nested.pth", "ours.safetensors"):
        network = create_model("resnet", classes=4, image_size=12, width=4)
        start_from(network, describe_start("resnet", None, tmp_path / name, None), (12, 12), "あいうえ")
        assert all(torch.equal(network.state_dict()[key], given[key]) for key in given if key.startswith("body."))


@pytest.mark.parametrize(
    ("model", "options", "size", "message"),
    [
        ("resnet", {"width": 8}, 12, r"body.0.weight is 4 x 1 x 3 x 3 there and 8 x 1 x 3 x 3 here"),
        ("resnet", {"width": 4, "depth": 2}, 12, r"have no body\.\d+\.|there and"),
        ("lenet5", {}, 12, "do not fit"),
        ("nn_1", {}, 12, "do not fit"),
    ],
)
def test_weights_of_another_network_do_not_fit(bars, source, own_home, model, options, size, message):
    with pytest.raises(UsageError, match=message):
        train(model, bars, from_run="source", run="mine", epochs=1, model_options=options)
    assert not (own_home / "runs" / "mine").exists()


def test_another_image_size_fits_where_the_layers_are_the_same(bars, source):
    network = create_model("resnet", classes=4, image_size=24, width=4)
    start_from(network, describe_start("resnet", "source", None, None), (24, 24), "あいうえ")
    larger = create_model("resnet", classes=4, image_size=80, width=4)
    with pytest.raises(UsageError, match="same options"):
        start_from(larger, describe_start("resnet", "source", None, None), (80, 80), "あいうえ")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"from_run": "source", "weights": "imagenet"}, UsageError, "give one of them"),
        ({"unfrozen": 2}, UsageError, "random weights"),
        ({"from_run": "source", "unfrozen": -1}, UsageError, "unfrozen is -1"),
        ({"from_run": "sauce"}, UsageError, "did you mean source"),
        ({"weights": "no/such.pth"}, UsageError, "no/such.pth is no file"),
        ({"weights": "."}, UsageError, "is no file"),
        ({"weights": "imagenet"}, UsageError, "published for resnet, only for xception"),
    ],
)
def test_wrong_starts_are_told_before_the_data_is_looked_for(source, arguments, error, message):
    with pytest.raises(error, match=message):
        train("resnet", "no/such/folder", **arguments)


def test_an_unfinished_run_is_nothing_to_start_from(bars):
    with pytest.raises(Interrupted):
        train("resnet", bars, run="broken", watch=TrainingWatch(epoch=stop), **QUICK)
    with pytest.raises(RunError, match="broken is not finished"):
        train("resnet", bars, from_run="broken", **QUICK)


def stop(metrics):
    raise Interrupted("stop")


class Unsafe:
    pass


@pytest.mark.parametrize("kind", ["text", "half", "safetensors", "objects", "list", "numbers", "empty"])
def test_files_that_hold_no_weights(tmp_path, kind):
    path = tmp_path / ("weights.safetensors" if kind == "safetensors" else "weights.pth")
    if kind in ("text", "safetensors"):
        path.write_text("these are no weights")
    else:
        content = {"objects": {"a": Unsafe()}, "list": [1, 2], "numbers": {"a": 1}, "empty": {}}
        torch.save(content.get(kind, {"a": torch.zeros(100)}), path)
        if kind == "half":
            path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=r"weights\.(pth|safetensors) (can't be read|holds no weights)"):
        read_weights(path)


def test_a_training_goes_on_although_the_run_it_started_from_is_gone(bars, source):
    quick = QUICK | {"epochs": 2}
    unbroken = train("resnet", bars, from_run="source", unfrozen=4, run="unbroken", **quick)
    with pytest.raises(Interrupted):
        train("resnet", bars, from_run="source", unfrozen=4, run="broken", watch=TrainingWatch(epoch=stop), **quick)
    source.remove()
    resumed = resume(find_run("broken"), data=bars)
    assert differing(tensors(unbroken), tensors(resumed)) == set()


def test_a_training_that_did_not_begin_needs_the_file_that_it_began_with(bars, source):
    with pytest.raises(Interrupted):
        train("resnet", bars, from_run="source", run="broken", watch=TrainingWatch(epoch=stop), **QUICK)
    broken = find_run("broken")
    broken.checkpoint_file.unlink()
    train("resnet", bars, run="another", seed=1, **QUICK).weights_file.replace(source.weights_file)
    with pytest.raises(DataError, match="not the file that the run began with"):
        resume(broken, data=bars)


# Weights from the network


CONTENT = b"weights" * 1000


def test_published_weights_are_fetched_once_and_kept(monkeypatch, own_home):
    with serving({"xception.pth": CONTENT}) as server:
        published = Published(server.url("plain", "xception.pth"), hashlib.sha256(CONTENT).hexdigest()[:8])
        monkeypatch.setitem(start.IMAGENET, "xception", published)
        monkeypatch.setattr(start, "read_weights", lambda path: {"conv1.weight": torch.zeros(1)})
        described = [describe_start("xception", None, "imagenet", 6) for _ in range(2)]
        assert len(server.requests) == 1
    assert described[0] == described[1]
    assert (own_home / "weights" / "xception.pth").read_bytes() == CONTENT
    assert (described[0].name, described[0].part, described[0].unfrozen) == ("imagenet", "body.1.", 6)


@pytest.mark.parametrize("manner", ["wrong", "short", "busy", "page", "dead"])
def test_weights_that_do_not_arrive_say_how_to_get_them_by_hand(monkeypatch, own_home, manner):
    with serving({"xception.pth": CONTENT}) as server:
        url = server.url(manner, "xception.pth")
        if manner == "dead":
            with socket.socket() as unused:
                unused.bind(("127.0.0.1", 0))
                url = f"http://127.0.0.1:{unused.getsockname()[1]}/xception.pth"
        monkeypatch.setitem(start.IMAGENET, "xception", Published(url, hashlib.sha256(CONTENT).hexdigest()[:8]))
        with pytest.raises(DownloadError) as raised:
            describe_start("xception", None, "imagenet", None)
    assert url in str(raised.value)
    assert "kuzushiji train xception --weights xception.pth" in str(raised.value)
    left = {path.name for path in (own_home / "weights").iterdir()}
    assert left <= {".xception.pth.part", ".xception.pth.part.from"}  # from which the next attempt goes on


def test_a_full_disk_is_told(monkeypatch, own_home):
    (own_home / "weights").write_text("a file where the folder should be")
    with pytest.raises(KuzushijiError, match="could not be written"):
        describe_start("xception", None, "imagenet", None)


OLD = Path(__file__).parents[1] / "runs" / "old.onnx"
"""An exported `resnet` of width 4 for ten kana at 16 x 16 pixels."""


@pytest.mark.parametrize("how", [{"from_run": OLD}, {"weights": OLD}, {"from_run": str(OLD)}])
def test_a_training_goes_on_with_an_exported_network_as_it_is_made(how):
    run = train("resnet", "brush:kmnist:8", epochs=1, batch_size=32, lr=0.0, precision="float32", **how)
    start = run.config.start
    assert (start.kind, start.name, start.known_classes) == ("exported", str(OLD), 10)
    assert run.config.model.options == {"width": 4}
    assert run.config.model.image_size == (16, 16)
    assert "--option width=4" in run.config.command
    assert run.config.command.endswith(f"--image-size 16 --from {OLD}")
    images = run.images("test").images
    expected = open_network(OLD)[1].run(["logits"], {"images": images[:, None].astype("float32") / 255})[0]
    # Nothing was learnt at a rate of 0; its normalisations have seen a few batches.
    assert (run.predictions().logits.argmax(1) == expected.argmax(1)).mean() > 0.8


def test_a_network_that_ships_is_known_by_its_name_unless_a_run_has_it(bars):
    start = describe_start("preact_resnet20", "kmnist", None, None)
    assert (start.kind, start.name, start.path) == ("exported", "kmnist", str(WEIGHTS / "kmnist.onnx"))
    train("resnet", bars, run="kmnist", **QUICK)
    assert describe_start("resnet", "kmnist", None, None).kind == "run"


def test_what_goes_on_with_another_network_is_told(bars, tmp_path):
    with pytest.raises(UsageError, match="those of a preact_resnet20, and resnet is another network"):
        train("resnet", bars, from_run="kmnist")
    with pytest.raises(UsageError, match=r"none\.onnx is no file"):
        train("resnet", bars, from_run=tmp_path / "none.onnx")
    (tmp_path / "no.onnx").write_bytes(b"no network")
    with pytest.raises(DataError, match="is no ONNX file"):
        train("resnet", bars, weights=tmp_path / "no.onnx")


def test_what_goes_on_with_what_ships_is_credited_with_its_data(bars, tmp_path):
    pytest.importorskip("onnxscript")
    from kuzushiji.export.run import export_run

    run = train("preact_resnet20", bars, from_run="kmnist", epochs=1, batch_size=120, run="mine")
    assert run.config.start.known_classes == 4
    written = export_run(run, tmp_path / "mine.onnx").description
    assert written.licence == "CC BY-SA 4.0"
    assert "KMNIST Dataset" in written.attribution
    assert "--from kmnist" in written.command
    assert written.options["depth"] == 20
    assert describe_start("preact_resnet20", tmp_path / "mine.onnx", None, None).kind == "exported"
