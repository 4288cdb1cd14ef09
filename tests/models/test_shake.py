import torch

from kuzushiji.models.shake import ShakeBlock, Shortcut, shaken


def test_each_image_is_mixed_in_a_share_of_its_own():
    torch.manual_seed(0)
    left, right = torch.ones(2000, 3, 2, 2), torch.zeros(2000, 3, 2, 2)
    shares = shaken(left, right, training=True)
    assert torch.equal(shares, shares[:, :1, :1, :1].expand_as(shares))
    shares = shares[:, 0, 0, 0]
    assert 0 <= shares.min() < 0.01
    assert 0.99 < shares.max() <= 1
    assert abs(shares.mean() - 0.5) < 0.03


def test_gradients_are_mixed_in_shares_drawn_for_themselves():
    torch.manual_seed(0)
    left, right = (torch.full((2000, 1, 1, 1), value, requires_grad=True) for value in (1.0, 0.0))
    out = shaken(left, right, training=True)
    out.sum().backward()
    torch.testing.assert_close(left.grad + right.grad, torch.ones(2000, 1, 1, 1))
    shares = torch.stack([out.detach().flatten(), left.grad.flatten()])
    assert shares[1].max() > 0.99
    assert torch.corrcoef(shares)[0, 1].abs() < 0.06


def test_in_evaluation_both_branches_count_half():
    left, right = torch.rand(2, 5, 3, 4, 4)
    torch.testing.assert_close(shaken(left, right, training=False), (left + right) / 2)


def test_a_block_passes_its_input_by():
    block = ShakeBlock(4, 4, stride=1).eval()
    for branch in (block.left, block.right):
        torch.nn.init.zeros_(branch[-1].weight)
    maps = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(maps), maps)


def test_the_shortcut_takes_pixels_and_their_neighbours():
    shortcut = Shortcut(1, 2, stride=2).eval()
    for conv in (shortcut.conv1, shortcut.conv2):
        torch.nn.init.ones_(conv.weight)
    maps = torch.arange(1.0, 26).view(1, 1, 5, 5)
    first, second = shortcut(maps)[0] * (1 + shortcut.norm.eps) ** 0.5
    torch.testing.assert_close(first, maps[0, 0, ::2, ::2])
    torch.testing.assert_close(second[:2, :2], maps[0, 0, 1::2, 1::2])
    assert not second[2].any()
    assert not second[:, 2].any()
