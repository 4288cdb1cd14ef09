"""Networks out of exported files: they say what the file says, and can be trained on."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from kuzushiji.data.source import load
from kuzushiji.errors import DataError
from kuzushiji.exported import open_network
from kuzushiji.inference.restored import restore_detector, restore_network, standardize
from kuzushiji.protobuf import sealed, weights
from kuzushiji.reading.pretrained import find_network, pretrained
from kuzushiji.shipped import DETECTOR

OLD = Path(__file__).parents[1] / "runs" / "old.onnx"
"""Of a version that wrote no options."""


def images_of(size: tuple[int, int], count: int = 96) -> torch.Tensor:
    images = load("brush:k49:9", "train", limit=count, image_size=size[0]).images
    return torch.from_numpy(images[:, None].astype(np.float32) / 255)


@pytest.mark.parametrize("path", [*pretrained().values(), OLD], ids=lambda path: path.stem)
def test_a_restored_network_says_what_its_file_says(path: Path) -> None:
    network, described = restore_network(path)
    images = images_of(described.image_size)
    expected = open_network(path)[1].run(["logits"], {"images": images.numpy()})[0]
    with torch.no_grad():
        found = network(images).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_a_restored_detector_says_what_its_file_says() -> None:
    network, described = restore_detector(DETECTOR)
    assert (described.width, described.depth) == (32, 2)
    assert not network.training


@pytest.mark.parametrize("name", ["kana", "kmnist"])
def test_in_training_it_says_nearly_the_same_once_it_is_standardized(name: str) -> None:
    network, described = restore_network(find_network(name))
    images = images_of(described.image_size, 256)
    some, others = images[::2], images[1::2]

    def logits(mode: bool, of: torch.Tensor) -> torch.Tensor:
        network.train(mode)
        with torch.no_grad():
            return network(of)

    before = logits(False, others)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    kept = [norm.running_mean.clone() for norm in norms]
    standardize(network, some)
    scale = before.abs().max()
    assert (logits(False, others) - before).abs().max() < 1e-3 * scale
    trained = logits(True, others)
    assert (trained - before).abs().mean() < 0.1 * before.abs().mean()
    assert (trained.argmax(1) == before.argmax(1)).float().mean() > 0.9
    assert any((norm.running_mean - mean).abs().max() > 0.1 for norm, mean in zip(norms, kept, strict=True))


def test_untouched_it_would_say_something_else_in_training() -> None:
    network, described = restore_network(find_network("kana"))
    images = images_of(described.image_size)
    with torch.no_grad():
        before = network(images)
        differs = (network.train()(images) - before).abs().mean()
    assert differs > 0.5 * before.abs().mean()


def changed(path: Path, texts: dict[str, str], of: Path = OLD) -> Path:
    """The file with other texts in its description."""
    model = onnx.load(of)
    told = {each.key: each.value for each in model.metadata_props if each.key != "sha256"} | texts
    onnx.helper.set_model_props(model, told)
    path.write_bytes(sealed(model.SerializeToString()))
    return path


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"options": json.dumps({"width": 8})}, "does not hold the network that it describes"),
        ({"options": json.dumps({"widht": 4})}, "no option 'widht'"),
        ({"options": json.dumps({"width": 4, "depth": 2})}, "does not hold the network that it describes"),
        ({"options": "[4]"}, "makes no sense"),
        ({"network": "lenet6"}, "lenet5"),
        ({"command": "kuzushiji train resnet --option 'width"}, "makes no sense"),
    ],
)
def test_what_describes_another_network_is_refused_in_a_line(tmp_path: Path, texts: dict[str, str], told: str) -> None:
    with pytest.raises(DataError, match=told) as refused:
        restore_network(changed(tmp_path / "other.onnx", texts))
    assert "\n" not in str(refused.value)


def test_what_computes_something_else_is_refused(tmp_path: Path) -> None:
    model = onnx.load(OLD)
    (first, *_) = (node for node in model.graph.node if node.op_type == "Relu")
    first.op_type = "Tanh"
    path = tmp_path / "other.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DataError, match="computes something else"):
        restore_network(path)


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    content = bytearray(find_network("kmnist").read_bytes())
    content[len(content) // 2] ^= 1
    (damaged := tmp_path / "damaged.onnx").write_bytes(content)
    with pytest.raises(DataError, match="its checksum is another"):
        restore_network(damaged)
    with pytest.raises(DataError, match="was not written by `kuzushiji export`"):
        restore_network(DETECTOR)


@pytest.mark.parametrize("path", [DETECTOR, find_network("kanji")], ids=lambda path: path.stem)
def test_weights_are_read_as_onnx_reads_them(path: Path) -> None:
    expected = {each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer}
    found = weights(path.read_bytes())
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype


def test_weights_that_are_cut_short_are_refused() -> None:
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[2, 2], raw_data=b"\0" * 12)
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [tensor]))
    with pytest.raises(ValueError, match="weights 'w'"):
        weights(model.SerializeToString())
