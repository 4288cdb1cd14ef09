"""The networks made for photographs, where timm is installed."""

import sys
from itertools import pairwise

import pytest
import torch
from torch import nn

from kuzushiji.errors import KuzushijiError, UsageError
from kuzushiji.models import create_model
from kuzushiji.models.activations import map_method
from kuzushiji.models.inspection import count_parameters, list_layers
from kuzushiji.models.transfer import BASE, GrayAsColour, import_timm
from kuzushiji.training.start import describe_start, start_from


@pytest.fixture(scope="module")
def timm():
    try:
        return import_timm()
    except KuzushijiError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def xception(timm):
    torch.manual_seed(0)
    return create_model("xception", classes=5, image_size=40).eval()


def test_without_timm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(KuzushijiError, match=r"pip install 'kuzushiji\[transfer\]'"):
        create_model("xception", classes=5, image_size=40)


def test_gray_becomes_three_colours_between_minus_one_and_one():
    colours = GrayAsColour()(torch.tensor([[[[0.0, 0.5, 1.0]]]]))
    assert colours[0, :, 0].tolist() == [[-1.0, 0.0, 1.0]] * 3


def test_xception_keeps_the_contract(xception):
    images = torch.rand(2, 1, 40, 33)
    with torch.no_grad():
        features, logits = xception.features(images), xception(images)
    assert (features.shape, logits.shape) == ((2, 2048), (2, 5))
    torch.testing.assert_close(xception.head(features), logits)
    assert map_method(xception) == "cam"


def test_the_sizes_are_those_of_keras(timm):
    """Keras prints 20,806,952 trainable parameters for Xception without its top."""
    with torch.device("meta"):
        xception = create_model("xception", classes=514, image_size=80)
        resnet = create_model("resnet152v2", classes=514, image_size=80)
        dense = create_model("xception", classes=514, image_size=80, layers="dense")
    assert count_parameters(xception.body[1]) == 20_806_952
    assert count_parameters(resnet.body[1]) == 58_136_128
    assert count_parameters(xception.head) == count_parameters(resnet.head) == 2049 * 514
    widths = [2048, 10_000, 5_000, 1_000]
    layers = sum(before * after + 3 * after for before, after in pairwise(widths))
    assert count_parameters(dense) == 20_806_952 + layers + 1001 * 514
    assert dense.head.in_features == 1000
    assert map_method(dense) == "hires_cam"


def test_weights_of_timm_are_given_and_all_but_the_last_layers_frozen(timm, xception, tmp_path):
    """As the source has it: the last six layers are trained, which are two separable convolutions with what follows."""
    torch.manual_seed(1)
    published = timm.create_model("legacy_xception", num_classes=1000).state_dict()
    # Files of that time have no count of batches.
    torch.save({name: value for name, value in published.items() if "num_batches" not in name}, tmp_path / "x.pth")
    start = describe_start("xception", None, tmp_path / "x.pth", 6)
    assert start.part == BASE
    start_from(xception, start, (40, 40), "あい")
    given = xception.body[1].state_dict()
    assert all(torch.equal(value, published[name]) for name, value in given.items())
    trained = {name.rpartition(".")[0] for name, each in xception.named_parameters() if each.requires_grad}
    base = {
        f"{BASE}{name}" for name in ("conv3.conv1", "conv3.pointwise", "bn3", "conv4.conv1", "conv4.pointwise", "bn4")
    }
    assert trained == base | {"head"}


def test_other_weights_do_not_fit(timm, xception, tmp_path):
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "x.pth")
    with pytest.raises(UsageError, match=r"have no body\.1\.conv1\.weight"):
        start_from(xception, describe_start("xception", None, tmp_path / "x.pth", None), (40, 40), "あい")


def test_the_smallest_images_and_what_is_refused(timm, xception):
    with torch.no_grad():
        assert xception(torch.rand(1, 1, 7, 7)).shape == (1, 5)
    with pytest.raises(UsageError, match="at least 7 x 7"):
        create_model("xception", classes=5, image_size=6)
    with pytest.raises(UsageError, match="no kind of layers 'dens'; did you mean dense"):
        create_model("xception", classes=5, image_size=40, layers="dens")


def test_every_layer_is_listed(timm, xception):
    layers = list_layers(xception, 40)
    assert layers[-1].output_shape == (5,)
    assert sum(layer.macs > 0 for layer in layers) > 36
