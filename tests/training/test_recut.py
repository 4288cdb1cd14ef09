import torch

from kuzushiji.training.recut import recut


def bars(count: int) -> torch.Tensor:
    """An upright bar in the middle of each image."""
    images = torch.zeros(count, 1, 64, 64)
    images[:, :, 4:60, 24:40] = 1
    return images


def test_a_box_that_hardly_moves_leaves_the_character_as_it_is():
    images = torch.zeros(32, 1, 64, 64)
    images[:, :, :, 24:40] = 1
    torch.manual_seed(0)
    assert (recut(images, 1e-6) - images).abs().mean() < 0.02


def test_others_come_in_above_and_below_but_not_at_the_sides():
    torch.manual_seed(0)
    images = bars(256)
    images[::2] = torch.rand(128, 1, 1, 1) * 0.3 + 0.3  # others of another tone fill their whole image
    cut = recut(images, 0.15)[1::2]
    gray = (cut > 0.28) & (cut < 0.65)
    assert (gray.flatten(1).sum(1) > 60).float().mean() > 0.1
    assert cut.min() >= 0
    assert cut.max() <= 1


def test_a_blank_image_is_no_trouble():
    assert recut(torch.zeros(4, 1, 28, 28), 0.1).isfinite().all()
