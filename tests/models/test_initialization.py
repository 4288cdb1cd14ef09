import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kuzushiji.errors import UsageError
from kuzushiji.models import create_model
from kuzushiji.models.initialization import initialize, whiten_first_layer

# Of cnn_dense for 28 x 28 pixels and 49 classes as Keras 3 builds it: fan in + fan out of each kernel, and the
# deviation of the values that Keras drew for it.
KERAS = {
    "body.0": (16 * 1 + 16 * 64, 0.04396),
    "body.2": (16 * 64 + 16 * 256, 0.01976),
    "body.4": (16 * 256 + 16 * 512, 0.01275),
    "body.7": (8192 + 64, 0.01557),
    "head": (64 + 49, 0.13316),
}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_keras_kernels_are_glorots_and_biases_zero():
    model = create_model("cnn_dense", classes=49, image_size=28)
    initialize(model, "keras", generator())
    for name, (fans, deviation) in KERAS.items():
        layer = model.get_submodule(name)
        limit = math.sqrt(6 / fans)
        assert 0.98 * limit < layer.weight.max() <= limit
        assert -limit <= layer.weight.min() < -0.98 * limit
        assert layer.weight.mean().abs() < 0.05 * limit
        assert layer.weight.std().item() == pytest.approx(deviation, rel=0.03)
        assert not layer.bias.any()


@pytest.mark.parametrize("name", ["lenet5", "resnet", "nn_dense_batch_norm"])
def test_pytorch_is_what_pytorch_does_by_default(name):
    torch.manual_seed(7)
    by_default = create_model(name, classes=10, image_size=28)
    drawn = create_model(name, classes=10, image_size=28)
    torch.manual_seed(7)
    initialize(drawn, "pytorch")
    torch.testing.assert_close(drawn.state_dict(), by_default.state_dict())


def test_groups_count_as_keras_counts_them():
    """Keras holds the kernel of a grouped convolution as (3, 3, in / groups, out)."""
    layer = nn.Conv2d(32, 64, 3, groups=8)
    initialize(layer, "keras", generator())
    limit = math.sqrt(6 / (9 * 4 + 9 * 64))
    assert 0.98 * limit < layer.weight.max() <= limit


@pytest.mark.parametrize("scheme", ["pytorch", "keras"])
def test_the_generator_alone_decides(scheme):
    torch.manual_seed(5)
    one, other = (create_model("lenet5", classes=10, image_size=28) for _ in range(2))
    state = torch.get_rng_state()
    initialize(one, scheme, generator(1))
    initialize(other, scheme, generator(1))
    assert torch.equal(torch.get_rng_state(), state)
    vectors = [nn.utils.parameters_to_vector(model.parameters()) for model in (one, other)]
    assert torch.equal(*vectors)
    initialize(other, scheme, generator(2))
    assert not torch.equal(vectors[0], nn.utils.parameters_to_vector(other.parameters()))


@pytest.mark.parametrize("scheme", ["pytorch", "keras"])
def test_normalisation_stays_as_the_network_made_it(scheme):
    model = create_model("resnet", classes=10, image_size=28)
    initialize(model, scheme)
    norms = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.BatchNorm2d)}
    assert all((layer.weight == (0 if name.endswith("norm2") else 1)).all() for name, layer in norms.items())
    assert sum(name.endswith("norm2") for name in norms) == 3


def test_a_wrong_scheme_says_which_there_are():
    with pytest.raises(UsageError, match="did you mean keras"):
        initialize(nn.Linear(2, 2), "Keras")


def test_whitened_patches_are_white():
    """The first filters, applied to the images they were made from, give uncorrelated values of variance 1."""
    torch.manual_seed(0)
    images = F.interpolate(torch.rand(200, 1, 7, 7), (28, 28), mode="bilinear")
    network = create_model("resnet", classes=4, image_size=28)
    before = network.body[0].weight.detach().clone()
    whiten_first_layer(network, images)
    weight = network.body[0].weight.detach()
    assert torch.equal(weight[18:], before[18:]), "9 components with both signs; the others stay"
    torch.testing.assert_close(weight[9:18], -weight[:9])
    responses = F.conv2d(images, weight[:9]).transpose(0, 1).flatten(1)
    covariance = torch.cov(responses)
    assert covariance[0, 0].item() == pytest.approx(1, abs=0.05)
    off = covariance - torch.diag(covariance.diagonal())
    assert off.abs().max() < 0.05
    assert covariance.diagonal().max() < 1.05, "what hardly varies is not blown up beyond that"


def test_whitening_needs_a_convolution_first():
    with pytest.raises(UsageError, match="begins with a convolution"):
        whiten_first_layer(create_model("nn_1", classes=4, image_size=28), torch.rand(2, 1, 28, 28))
