"""Maps of classes: the exact ones add up to the logits, and HiResCAM agrees with them where both exist."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kuzushiji.errors import UsageError
from kuzushiji.models import MODELS, create_model, list_models
from kuzushiji.models.activations import (
    _take_apart,
    class_maps,
    every_class_map,
    feature_maps,
    map_method,
    peaks,
    takes_any_size,
)

METHODS = {
    "lenet5": "hires_cam",
    "alexnet": "hires_cam",
    "cnn_1": "hires_cam",
    "keras_cnn": "hires_cam",
    "resnet": "cam",
    "fcn": "class_maps",
    "fcn_strided": "class_maps",
}
OPTIONS = {"resnet": {"width": 8}, "fcn_strided": {"stride": 4}}


def make(name, image_size=28, **options):
    torch.manual_seed(0)
    model = create_model(name, classes=5, image_size=image_size, **OPTIONS.get(name, {}) | options).eval()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):  # as after some training, and none of the blocks the identity
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.running_mean, -0.1, 0.1)
    return model


def batch(count=2, height=28, width=28):
    return torch.rand(count, 1, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", METHODS)
def test_each_network_has_maps_of_its_kind(name):
    model = make(name, image_size=16 if name == "fcn" else 28)
    images = batch(2, 16, 16) if name == "fcn" else batch()
    assert map_method(model) == METHODS[name]
    assert takes_any_size(model) == (METHODS[name] != "hires_cam")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    maps = class_maps(model, images, [3, 1])
    assert maps.shape[:2] == (2, 2)
    assert min(maps.shape[2:]) > 1
    assert maps.isfinite().all()
    assert not maps.requires_grad
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    torch.testing.assert_close(class_maps(model, images[1:], [1])[0, 0], maps[1, 1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in list_models() if not MODELS[name].extra])
def test_every_network_of_the_registry_has_maps_or_says_why_not(name):
    entry = MODELS[name]
    with torch.device("meta"):
        model = create_model(name, classes=3, image_size=entry.image_size)
    if any(isinstance(layer, nn.Conv2d) for layer in model.modules()):
        assert map_method(model) in ("class_maps", "cam", "hires_cam")
        if map_method(model) == "hires_cam":
            before, after, _ = _take_apart(model)
            assert [*before, *after] == list(model.body)
            assert before(torch.empty(2, 1, entry.image_size, entry.image_size, device="meta")).ndim == 4
    else:
        with pytest.raises(UsageError, match="no convolution"):
            map_method(model)


def test_the_mean_of_a_class_activation_map_and_the_bias_are_the_logit():
    model, images = make("resnet"), batch()
    with torch.no_grad():
        logits = model(images)
    maps = class_maps(model, images, [0, 1, 2, 3, 4])
    torch.testing.assert_close(maps.mean((2, 3)) + model.head.bias, logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(every_class_map(model, images).mean((2, 3)), logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["fcn", "fcn_strided"])
def test_the_highest_point_of_a_class_map_is_the_logit(name):
    model, images = make(name), batch(2, 16, 20)
    with torch.no_grad():
        torch.testing.assert_close(class_maps(model, images, [0, 1, 2, 3, 4]).amax((2, 3)), model(images))


def test_hires_cam_is_the_class_activation_map_where_both_exist():
    """Up to a factor."""
    model, images = make("resnet"), batch()
    cam = class_maps(model, images, [2])
    linear = nn.Linear(32, 5)
    linear.load_state_dict(model.head.state_dict())
    model.head = nn.Sequential(linear)  # no longer plainly linear, so that it is left to HiResCAM
    assert map_method(model) == "hires_cam"
    points = cam[0, 0].numel()
    torch.testing.assert_close(class_maps(model, images, [2]), cam / points, atol=1e-6, rtol=1e-4)


def test_the_map_of_what_the_network_says_is_not_blank():
    """With dense layers after its maps, Grad-CAM's mean of slopes may leave nothing of it."""
    model, images = make("keras_cnn"), batch(8)
    logits = model(images)
    maps = class_maps(model, images, list(range(5)))
    said = maps[torch.arange(8), logits.argmax(1)]
    assert (said.amax((1, 2)) > 0).all()


def test_hires_cam_adds_up_to_the_logit_where_all_is_linear():
    from kuzushiji.models.network import Flatten, Network

    model = Network(
        nn.Sequential(nn.Conv2d(1, 3, 3, bias=False), Flatten()), nn.Linear(3 * 26 * 26, 5, bias=False)
    ).eval()
    maps = class_maps(model, batch(), [0, 4])
    torch.testing.assert_close(maps.sum((2, 3)), model(batch())[:, [0, 4]], atol=1e-5, rtol=1e-4)


def test_the_map_of_a_class_lies_where_its_sign_is():
    """A network made by hand sees class 0 in bright squares and nothing else."""
    conv, head = nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.Linear(1, 2)
    nn.init.ones_(conv.weight)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        head.bias.zero_()
    from kuzushiji.models.network import Flatten, Network

    model = Network(nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), Flatten()), head).eval()
    image = torch.zeros(1, 1, 20, 20)
    image[:, :, 12:15, 4:7] = 1
    seen, against = class_maps(model, image, [0, 1])[0].numpy()
    assert peaks(seen, 5.0, 3) == [(13, 5)]
    assert against.max() == 0
    np.testing.assert_array_equal(seen, -against)


def test_networks_without_dense_layers_take_lines():
    for name in ("resnet", "fcn_strided"):
        maps = every_class_map(make(name), batch(1, 32, 160))
        assert maps.shape[:2] == (1, 5)
        assert maps.shape[3] == 5 * maps.shape[2]


def test_feature_maps_of_layers_and_blocks():
    model, images = make("lenet5"), batch()
    torch.testing.assert_close(feature_maps(model, images, "body.0"), model.body[0](images).detach())
    assert feature_maps(model, images, "body.3").shape == (2, 16, 10, 10)
    assert feature_maps(make("resnet"), images, "body.3").shape == (2, 8, 14, 14)
    assert not model.body[0]._forward_hooks


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("body.33", "there is no layer 'body.33'; did you mean"),
        ("boddy.3", "did you mean body.3"),
        ("", "there is no layer ''"),
        ("head", "head gives 5 values and no maps"),
    ],
)
def test_layers_that_have_no_maps(layer, message):
    with pytest.raises(UsageError, match=message):
        feature_maps(make("lenet5"), batch(), layer)


def test_peaks_are_the_high_points_that_lie_apart():
    surface = np.zeros((6, 9), np.float32)
    surface[1, 1], surface[1, 2], surface[4, 7], surface[5, 0] = 5, 4, 3, 1
    assert peaks(surface, 0.5, 2) == [(1, 1), (4, 7), (5, 0)]
    assert peaks(surface, 2, 2) == [(1, 1), (4, 7)]
    assert peaks(surface, 0.5, 1) == [(1, 1), (1, 2), (4, 7), (5, 0)]
    assert peaks(surface, 9, 2) == []
    assert peaks(np.full((3, 3), np.nan, np.float32), 0, 1) == []


def test_a_strided_network_has_maps_of_its_stride():
    for stride, side in ((1, 32), (2, 16), (4, 8), (8, 4), (16, 2), (32, 1)):
        with torch.device("meta"):
            model = create_model("fcn_strided", classes=2, image_size=32, stride=stride)
            assert model.head.maps(model.body(torch.empty(2, 1, 32, 32))).shape == (2, 2, side, side)
    for stride in (0, -4, 3, 64):
        with pytest.raises(UsageError, match=f"stride of fcn_strided is {stride}"):
            create_model("fcn_strided", classes=2, image_size=32, stride=stride)


def test_a_strided_network_of_stride_1_is_the_full_one():
    torch.manual_seed(0)
    model, full = (create_model(name, classes=2, image_size=9) for name in ("fcn_strided", "fcn"))
    full.load_state_dict(model.state_dict())
    strided = create_model("fcn_strided", classes=2, image_size=9, stride=1)
    strided.load_state_dict(model.state_dict())
    images = batch(1, 9, 9)
    with torch.no_grad():
        logits = strided.eval()(images)
        torch.testing.assert_close(F.relu(logits), full.eval()(images))
