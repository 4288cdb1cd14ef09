import pytest
import torch

from kuzushiji.errors import UsageError
from kuzushiji.models import create_model
from kuzushiji.models.attention import CBAM, SelfAttention, SqueezeExcitation, attention_for
from kuzushiji.models.inspection import count_parameters

PLAIN = 320 + 18496 + (9216 * 128 + 128) + 129 * 10
EXCITE = (64 * 4 + 4) + (4 * 64 + 64)


@pytest.mark.parametrize(
    ("kind", "added"),
    [("none", 0), ("se", EXCITE), ("cbam", EXCITE + 2 * 49 + 2), ("self", 2 * (64 * 8 + 8) + 64 * 64 + 64 + 1)],
)
def test_attention_adds_what_the_papers_say(kind, added):
    model = create_model("keras_cnn", classes=10, image_size=28, attention=kind)
    assert count_parameters(model) == PLAIN + added
    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_without_attention_it_is_the_network_that_it_was():
    layers = ["body.0", "body.2", "body.7", "head"]
    for options in ({}, {"attention": "none"}):
        model = create_model("keras_cnn", classes=10, image_size=28, **options)
        names = [name for name, _ in model.named_parameters()]
        assert names == [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]


@pytest.mark.parametrize("kind", ["se", "cbam", "self"])
def test_maps_keep_their_shape_and_every_weight_gets_a_gradient(kind):
    torch.manual_seed(0)
    (module,) = attention_for(kind, 64)
    if kind == "self":
        torch.nn.init.ones_(module.gamma)
    maps = torch.randn(3, 64, 5, 7, requires_grad=True)
    out = module(maps)
    assert out.shape == maps.shape
    out.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in module.parameters() if parameter.ndim > 1)


def test_squeeze_and_excitation_scales_whole_channels():
    module = SqueezeExcitation(8, reduction=2)
    maps = torch.rand(2, 8, 3, 4) + 1
    scales = module(maps) / maps
    torch.testing.assert_close(scales, scales[:, :, :1, :1].expand_as(scales))
    weights = module.excite[2](module.excite[0](maps.mean((2, 3))).relu()).sigmoid()
    torch.testing.assert_close(scales[:, :, 0, 0], weights)
    assert 0 < scales.min() < scales.max() < 1


def test_cbam_scales_channels_then_positions():
    module = CBAM(8, reduction=2).eval()
    maps = torch.rand(2, 8, 5, 6) + 1
    scales = module(maps) / maps
    # The scale of a point is that of its channel times that of its position.
    torch.testing.assert_close(scales * scales[:, :1, :1, :1], scales[:, :, :1, :1] * scales[:, :1])
    assert scales[0, :, 0, 0].std() > 0
    assert scales[0, 0].std() > 0


def test_self_attention_begins_as_the_identity_and_gathers_what_resembles():
    torch.manual_seed(0)
    module = SelfAttention(8, reduction=2)
    maps = torch.randn(2, 8, 3, 4)
    assert torch.equal(module(maps), maps)
    torch.nn.init.constant_(module.gamma, 0.5)
    query, key, value = (conv(maps) for conv in (module.query, module.key, module.value))
    row, column = 1, 2
    likeness = (query[:, :, row, column, None, None] * key).sum(1).flatten(1).softmax(1)
    gathered = (likeness[:, None] * value.flatten(2)).sum(2)
    torch.testing.assert_close(module(maps)[:, :, row, column], maps[:, :, row, column] + 0.5 * gathered)


def test_an_unknown_attention_names_the_nearest():
    with pytest.raises(UsageError, match="no attention 'cbma'; did you mean cbam"):
        create_model("keras_cnn", classes=10, image_size=28, attention="cbma")
