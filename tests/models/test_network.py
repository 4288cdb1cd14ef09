import pytest
import torch
from torch import nn

from kuzushiji.errors import UsageError
from kuzushiji.models.network import AdaptiveAvgPool2d, AvgPool2d, CosineHead, Dropout, Flatten, PrototypeHead


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_drops_the_share_and_keeps_the_mean(share, dtype):
    torch.manual_seed(0)
    dropped = Dropout(share)(torch.ones(1001, 999, dtype=dtype))
    assert dropped.dtype == dtype
    assert (dropped == 0).float().mean().item() == pytest.approx(share, abs=0.003)
    assert dropped.float().mean().item() == pytest.approx(1, abs=0.02)
    assert dropped.unique().numel() == 2


def test_dropout_of_every_value_is_a_draw_of_its_own():
    """Neighbours, which come from the same random number, are dropped independently."""
    torch.manual_seed(0)
    zero = (Dropout(0.5)(torch.ones(4 * 100_000)) == 0).view(-1, 4).float()
    assert torch.corrcoef(zero.T).fill_diagonal_(0).abs().max() < 0.02


@pytest.mark.parametrize("count", [1, 3, 4, 5])
def test_dropout_of_any_number_of_values(count):
    torch.manual_seed(0)
    drawn = torch.stack([Dropout(0.5)(torch.ones(count)) for _ in range(2000)])
    assert ((drawn == 0).float().mean(dim=0) - 0.5).abs().max() < 0.06


@pytest.mark.parametrize(
    "images",
    [
        torch.ones(6, 5, 4, 3),
        torch.ones(6, 5, 4, 3).contiguous(memory_format=torch.channels_last),
        torch.ones(6, 5, 8, 3)[:, :, ::2],
        torch.ones(1, 5, 1, 1).expand(6, 5, 4, 3),
        torch.ones(0, 5, 4, 3),
    ],
    ids=["contiguous", "channels last", "a part", "expanded", "empty"],
)
def test_dropout_of_tensors_in_any_layout_goes_the_same_way_back(images):
    torch.manual_seed(0)
    images = images.clone(memory_format=torch.preserve_format) if images.is_contiguous() else images
    images.requires_grad_()
    dropped = Dropout(0.5)(images)
    assert dropped.shape == images.shape
    dropped.sum().backward()
    assert torch.equal(images.grad, dropped)


def test_dropout_is_seeded_and_ends_with_training():
    layer, images = Dropout(0.5), torch.rand(3, 7)
    outcomes = [torch.manual_seed(seed) and layer(images) for seed in (1, 1, 2)]
    assert torch.equal(outcomes[0], outcomes[1])
    assert not torch.equal(outcomes[0], outcomes[2])
    assert torch.equal(layer.eval()(images), images)
    assert torch.equal(Dropout(0.0).train()(images), images)


@pytest.mark.parametrize("share", [-0.1, 1.0, 2])
def test_dropout_refuses_a_share_that_is_none(share):
    with pytest.raises(UsageError, match="at least 0 and below 1"):
        Dropout(share)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(28, 28), (11, 9)])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (AvgPool2d(2), nn.AvgPool2d(2)),
        (AvgPool2d(3), nn.AvgPool2d(3)),
        (AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d(1)),
        (AdaptiveAvgPool2d(2), nn.AdaptiveAvgPool2d(2)),
    ],
    ids=["pairs", "threes", "all", "quarters"],
)
def test_means_and_their_gradients_are_those_of_pytorch(ours, theirs, size, dtype):
    torch.manual_seed(0)
    maps = torch.randn(3, 6, *size, dtype=dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    expected = theirs(maps)
    (expected_gradient,) = torch.autograd.grad(expected.square().sum(), maps)
    for training in (True, False):
        output = ours.train(training)(maps)
        (gradient,) = torch.autograd.grad(output.square().sum(), maps)
        torch.testing.assert_close(output, expected)
        torch.testing.assert_close(gradient, expected_gradient)


def test_the_gradient_of_a_mean_lies_as_the_map_does():
    maps = torch.randn(3, 6, 4, 4).contiguous(memory_format=torch.channels_last).requires_grad_()
    (gradient,) = torch.autograd.grad(AdaptiveAvgPool2d(1)(maps).sum(), maps)
    assert gradient.is_contiguous(memory_format=torch.channels_last)


def test_flatten_has_keras_order_and_copies_nothing_of_channels_last():
    maps = torch.rand(2, 3, 4, 5)
    assert torch.equal(Flatten()(maps), nn.Flatten()(maps.permute(0, 2, 3, 1)))
    maps = maps.contiguous(memory_format=torch.channels_last)
    assert Flatten()(maps).data_ptr() == maps.data_ptr()


def test_cosine_head_asks_for_the_angle_alone():
    torch.manual_seed(0)
    head, x = CosineHead(6, 4), torch.randn(3, 6)
    expected = torch.stack([torch.cosine_similarity(x, weight[None]) for weight in head.weight], 1)
    torch.testing.assert_close(head(x), 16 * expected)
    torch.testing.assert_close(head(5 * x), head(x))


def test_prototype_head_asks_for_the_distance():
    torch.manual_seed(0)
    head, x = PrototypeHead(6, 4), torch.randn(3, 6)
    distances = torch.cdist(x, head.weight).square()
    torch.testing.assert_close(head(x).softmax(1), (-distances).softmax(1))
