import pytest
import torch
from torch.nn import functional as F

from kuzushiji.inference.outputs import shifted
from kuzushiji.training import augment as module
from kuzushiji.training.augment import augment, resized

CHANGES = [
    {"translate": 0.1},
    {"rotate": 20.0},
    {"scale": 0.2},
    {"shear": 0.3},
    {"elastic": 0.05},
    {"thickness": 0.05},
    {"cutout": 0.5},
    {"erasing": 0.8},
    {"recut": 0.1},
]


@pytest.fixture
def strokes() -> torch.Tensor:
    images = torch.zeros(64, 1, 28, 28)
    images[:, :, 8:20, 13:15] = 1
    images[:, :, 12:14, 6:24] = 1
    return images


def test_nothing_asked_for_changes_nothing(strokes):
    assert augment(strokes) is strokes


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_each_change(strokes, change):
    torch.manual_seed(0)
    changed = augment(strokes, **change)
    assert changed.shape == strokes.shape
    assert changed.dtype == torch.float32
    assert changed.min() >= 0
    assert changed.max() <= 1.0001
    assert len(changed.flatten(1).unique(dim=0)) > 20, "each image is changed in its own way"
    torch.manual_seed(0)
    assert torch.equal(changed, augment(strokes, **change)), "the seed decides"


@pytest.mark.parametrize("size", [(28, 28), (20, 40), (64, 64)])
def test_any_size(size):
    images = torch.rand(3, 1, *size)
    everything = {name: value for change in CHANGES for name, value in change.items()}
    assert augment(images, **everything).shape == images.shape


def test_translation_stays_in_its_limits(strokes):
    rows = torch.arange(28.0)[None, :, None]

    def centre(images):
        return (images[:, 0] * rows).sum((1, 2)) / images[:, 0].sum((1, 2))

    moved = (centre(augment(strokes, translate=0.1)) - centre(strokes)).abs().max()
    assert 1.5 < moved <= 2.8 + 1e-3


def test_scale_of_zero_ink_keeps_black():
    assert augment(torch.zeros(2, 1, 28, 28), translate=0.5, rotate=90, elastic=0.1).eq(0).all()


def test_strokes_grow_and_shrink_within_the_limit():
    images = torch.zeros(400, 1, 28, 28)
    images[:, :, 4:24, 12:16] = 1
    ink = augment(images, thickness=1 / 28).sum((1, 2, 3))
    assert 18 * 2 <= ink.min() < 50, "a pixel less on each side"
    assert 120 < ink.max() <= 22 * 6
    half = augment(images, thickness=0.5 / 28)
    assert half[:, :, 10, 11].max() <= 0.5, "between pixels it grows in shades"


def test_cutout_blanks_a_square_of_the_right_size():
    torch.manual_seed(1)
    changed = augment(torch.ones(200, 1, 20, 20), cutout=0.5)
    blanked = (changed == 0).sum((1, 2, 3))
    assert blanked.max() == 100
    assert blanked.min() >= 25, "the centre lies in the image"


def test_characters_are_never_mirrored():
    """A shape that is not its own mirror image stays nearer to itself than to its mirror image."""
    image = torch.zeros(1, 1, 28, 28)
    image[..., 6:22, 8] = 1
    image[..., 20:22, 8:20] = 1
    changed = augment(image.expand(200, -1, -1, -1), rotate=10, scale=0.1, shear=0.1, translate=0.05)
    mean = changed.mean(0, keepdim=True)
    assert (mean * image).sum() > 1.25 * (mean * image.flip(3)).sum()


def test_erasing_fills_a_rectangle_of_some_images_with_noise():
    torch.manual_seed(0)
    erased = augment(torch.zeros(400, 1, 28, 28), erasing=0.5)[:, 0] > 0
    touched = erased.flatten(1).any(1)
    assert 0.4 < touched.float().mean() < 0.6
    for image in erased[touched]:
        rows, columns = image.any(1), image.any(0)
        assert image.sum() == rows.sum() * columns.sum(), "one rectangle"
    shares = erased[touched].float().mean((1, 2))
    assert 0.01 < shares.min() < 0.05
    assert 0.25 < shares.max() < 0.36


def test_resized_keeps_the_mean(strokes):
    assert resized(strokes, 1.0) is strokes
    half = resized(strokes, 0.5)
    assert half.shape == (64, 1, 14, 14)
    torch.testing.assert_close(half.mean(), strokes.mean())
    assert resized(strokes, 0.72).shape == (64, 1, 20, 20)


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 0), (0, -1), (-2, 3)])
def test_shifted_moves_by_whole_pixels(down, right):
    images = torch.rand(2, 1, 6, 7)
    moved = shifted(images, down, right)
    assert moved.shape == images.shape
    for row in range(6):
        for column in range(7):
            inside = 0 <= row - down < 6 and 0 <= column - right < 7
            expected = images[:, 0, row - down, column - right] if inside else torch.zeros(2)
            assert torch.equal(moved[:, 0, row, column], expected)


@pytest.mark.parametrize("size", [(28, 28), (20, 41)])
def test_shortcuts_give_what_pytorch_gives(size):
    torch.manual_seed(0)
    images, matrices, points = torch.rand(8, 1, *size), torch.randn(8, 2, 3), torch.randn(8, 2, 5, 5)
    places = module._places(images, matrices).permute(0, 2, 3, 1)
    torch.testing.assert_close(places, F.affine_grid(matrices, list(images.shape), align_corners=False))
    bent = F.interpolate(points, size=size, mode="bicubic", align_corners=True)
    rows, columns = (module._between_points(side, images.device) for side in size)
    torch.testing.assert_close(rows @ points @ columns.T, bent)
    for radius in (1, 3):
        largest = F.max_pool2d(images, 2 * radius + 1, stride=1, padding=radius)
        assert torch.equal(module._largest_around(images, radius), largest)
