"""Boxes on pages, and images however they come, become images as the data sets have them."""

import numpy as np
import pytest
from PIL import Image

from kuzushiji.imaging.cut import cut, cut_character, to_square


def test_padding_keeps_proportion_and_the_middle() -> None:
    tall = np.full((40, 20), 30, np.uint8)
    tall[10:30, 5:15] = 200
    found = to_square(tall, 40)
    assert found.shape == (40, 40)
    assert (found[:, :10] == 30).all()
    assert (found[:, 30:] == 30).all()
    assert (found[:, 10:30] == tall).all()
    assert to_square(tall, 20).shape == (20, 20)
    assert np.abs(to_square(tall, 20)[:, 5:15].mean() - tall.mean()) < 3
    wide = to_square(tall.T, 40)
    assert (wide == found.T).all()


def test_an_image_of_the_right_size_is_left_as_it_is() -> None:
    square = np.random.default_rng(0).integers(0, 256, (12, 12), dtype=np.uint8)
    assert (to_square(square, 12) == square).all()


def test_of_a_page_without_boxes_nothing_is_cut() -> None:
    assert cut(np.full((50, 50), 200, np.uint8), np.zeros((0, 4), np.int32), (16, 12)).shape == (0, 16, 12)


# An image of one character


def character(height=60, width=36):
    """A cross with a foot, ink 255 on paper 0, that touches all four sides."""
    image = np.zeros((height, width), np.uint8)
    image[:, width // 2 - 3 : width // 2 + 3] = 255
    image[height // 4 : height // 4 + 6] = 255
    image[-6:, : width // 2] = 255
    return image


def padded(image, *, paper=0, room=40):
    framed = np.full((image.shape[0] + 2 * room, image.shape[1] + 3 * room), paper, np.uint8)
    framed[room // 2 : room // 2 + image.shape[0], room : room + image.shape[1]] = image
    return framed


def alike(one, other):
    """Mean difference of the tones, 0 to 1."""
    return np.abs(one.astype(float) - other).mean() / 255


PLAIN = cut_character(character(), (28, 28))


def test_it_fills_the_longer_side_and_stands_in_the_middle():
    rows, columns = (np.flatnonzero((PLAIN >= 128).any(axis=axis)) for axis in (1, 0))
    assert (PLAIN.shape, PLAIN.dtype) == ((28, 28), np.uint8)
    assert (rows[0], rows[-1]) == (0, 27)
    assert columns[-1] - columns[0] + 1 == pytest.approx(28 * 36 / 60, abs=1)
    assert abs(columns[0] - (27 - columns[-1])) <= 1
    wide = cut_character(character().T.copy(), (28, 28))
    assert alike(wide, PLAIN.T) < 0.01
    assert (PLAIN.min(), PLAIN.max()) == (0, 255)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: 255 - image,
        lambda image: padded(image),
        lambda image: 255 - padded(image),
        lambda image: padded(image, room=300),
        lambda image: 90 + image // 4,
        lambda image: 200 - padded(image // 3),
        lambda image: image.repeat(8, axis=0).repeat(8, axis=1),
        lambda image: padded(image.repeat(20, axis=0).repeat(20, axis=1), room=900),
        lambda image: np.asarray(Image.fromarray(image).resize((25, 42), Image.Resampling.BICUBIC)),
    ],
    ids=["inverted", "padded", "padded and inverted", "lost", "faint", "faint ink on paper", "large", "huge", "small"],
)
def test_neither_size_nor_room_nor_tone_matters(change):
    assert alike(cut_character(change(character()), (28, 28)), PLAIN) < 0.045


def test_an_image_as_the_data_sets_have_it_stays_as_it_is():
    assert np.array_equal(cut_character(PLAIN, (28, 28)), PLAIN)


def test_the_grain_of_the_paper_becomes_black():
    random = np.random.default_rng(0)
    paper = 190 + random.normal(0, 6, (200, 200)) + np.linspace(-15, 15, 200)
    paper[70:130, 80:116][character() > 0] = 60
    found = cut_character(paper.clip(0, 255).astype(np.uint8), (28, 28))
    assert alike(found, PLAIN) < 0.05
    assert (found[PLAIN == 0] < 40).mean() > 0.95


def test_specks_around_a_loosely_cropped_character_do_not_count():
    specked = padded(character())
    for row, column in ((4, 4), (9, 70), (93, 10), (98, 130), (50, 150), (40, 20)):
        specked[row : row + 2, column : column + 2] = 255
    assert alike(cut_character(specked, (28, 28)), PLAIN) < 0.04
    dotted = padded(character())
    dotted[6:16, 90:100] = 255
    assert alike(cut_character(dotted, (28, 28)), PLAIN) > 0.05, "a dot of the size of a stroke does"


def test_other_sizes_and_other_shapes_are_filled():
    assert cut_character(character(), (64, 64)).shape == (64, 64)
    oblong = cut_character(character(), (20, 40))
    assert oblong.shape == (20, 40)
    assert (oblong[:, 19:21] > 0).any(axis=1).all()


@pytest.mark.parametrize("tone", [0, 1, 127, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (40, 40), (3000, 20)])
def test_what_has_no_ink_is_blank(tone, shape):
    assert cut_character(np.full(shape, tone, np.uint8), (28, 28)) is None


def test_faint_stains_are_no_ink():
    stained = np.random.default_rng(0).integers(200, 222, (60, 60), dtype=np.uint8)
    assert cut_character(stained, (28, 28)) is None


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (2, 2), (1, 4000), (4000, 3)])
def test_images_of_a_few_pixels_do_no_harm(shape):
    image = np.zeros(shape, np.uint8)
    image.flat[0] = 255
    found = cut_character(image, (28, 28))
    assert found is None or (found.shape == (28, 28) and found.any())


def test_what_it_is_given_stays_as_it_was():
    image = 255 - padded(character())
    before = image.copy()
    image.setflags(write=False)
    cut_character(image, (28, 28))
    assert np.array_equal(image, before)
