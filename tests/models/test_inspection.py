from itertools import pairwise

import pytest
import torch
from torch import nn

import kuzushiji
from kuzushiji.models import MODELS, create_model, list_models
from kuzushiji.models.inspection import Layer, count_macs, count_parameters, list_layers


def on_meta(name):
    entry = MODELS[name]
    with torch.device("meta"):
        return create_model(name, classes=entry.classes, image_size=entry.image_size)


@pytest.mark.parametrize("name", [name for name in list_models() if not MODELS[name].extra])
def test_the_layers_add_up(name):
    model = on_meta(name)
    layers = list_layers(model, MODELS[name].image_size)
    assert sum(layer.parameters for layer in layers) == count_parameters(model)
    assert sum(layer.macs for layer in layers) == count_macs(model, MODELS[name].image_size)
    assert layers[-1].output_shape == (MODELS[name].classes,)


def test_lenet5_is_listed_as_the_paper_has_it():
    layers = list_layers(create_model("lenet5", classes=10, image_size=28), 28)
    assert [layer for layer in layers if layer.kind != "Tanh"] == [
        Layer("body.0", "Conv2d", (6, 28, 28), 156, 28 * 28 * 6 * 25),
        Layer("body.2", "AvgPool2d", (6, 14, 14), 0, 0),
        Layer("body.3", "Conv2d", (16, 10, 10), 2416, 10 * 10 * 16 * 6 * 25),
        Layer("body.5", "AvgPool2d", (16, 5, 5), 0, 0),
        Layer("body.6", "Flatten", (400,), 0, 0),
        Layer("body.7", "Linear", (120,), 48120, 400 * 120),
        Layer("body.9", "Linear", (84,), 10164, 120 * 84),
        Layer("head", "Linear", (10,), 850, 84 * 10),
    ]


def test_macs_of_the_largest_are_counted_without_computing():
    filters = [1, 32, 64, 128, 256, 512, 1028, 514]
    by_hand = sum(80 * 80 * 9 * before * after for before, after in pairwise(filters))
    assert count_macs(on_meta("fcn"), 80) == by_hand == 70_781_184_000


def test_the_network_is_left_as_it_was():
    model = create_model("resnet", classes=10, image_size=28).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    list_layers(model, (28, 31))
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_layer_that_runs_twice_has_its_parameters_once():
    layer = nn.Linear(4, 4)
    layers = list_layers(nn.Sequential(nn.Flatten(), layer, nn.ReLU(), layer).bfloat16(), 2)
    assert [(each.kind, each.parameters, each.macs) for each in layers] == [
        ("Flatten", 0, 0),
        ("Linear", 20, 16),
        ("ReLU", 0, 0),
        ("Linear", 0, 16),
    ]


def test_frozen_parameters_are_not_counted():
    model = create_model("nn_1", classes=10, image_size=28)
    model.body.requires_grad_(False)
    assert count_parameters(model) == 650


def test_a_network_is_described_for_other_classes_and_sizes():
    described = kuzushiji.describe_model("nn_1_sgd", classes=49)
    assert (described.name, described.recipe, described.made_for_classes) == ("nn_1", "keras_sgd", 49)
    assert described.parameters == count_parameters(create_model("nn_1", classes=49, image_size=28))
    assert kuzushiji.describe_model("knn").macs is None, "it depends on the training images"
    uncounted = kuzushiji.describe_model("lenet5", image_size=5, count=False)
    assert (uncounted.parameters, uncounted.smallest_image_size) == (None, 12)
