"""Pictures of what a network sees: heat behind the ink, at the right place, in both themes."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from kuzushiji.inference.explain import Evidence, Explanation, PageExplanation, Peak, Picture
from kuzushiji.plots.activations import explained_figure, feature_map_figure, seen_figure
from kuzushiji.plots.files import svg
from kuzushiji.plots.style import DARK, LIGHT

both_themes = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


@pytest.fixture
def image():
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:16] = 255
    return image


def explanation(image, name, actual, maps, seen):
    evidence = [Evidence(*each, surface, ()) for each, surface in zip(seen, maps, strict=True)]
    return Explanation(Picture(name, image, actual), "cam", evidence)


@both_themes
def test_heat_lies_behind_the_ink_and_is_compared_within_a_row(image, dark):
    maps = np.zeros((2, 4, 4), np.float32)
    maps[0, 1, 2], maps[1, 3, 3], maps[1, 0, 0] = 8, 2, -5
    figure = explained_figure(
        [
            explanation(image, "0", "お", maps, [("お", 0.98), ("す", 0.01)]),
            explanation(image, "1", "を", -maps, [("お", 0.5), ("す", 0.5)]),
        ],
        dark,
    )
    alone, first, second = figure.axes[:3]
    assert [len(axes.images) for axes in figure.axes] == [1, 2, 2, 1, 2, 2]
    heat, ink = first.images
    assert heat.get_zorder() < ink.get_zorder()
    assert heat.get_extent() == ink.get_extent() == [0, 28, 28, 0]
    np.testing.assert_allclose(heat.get_array()[1, 2], [*to_rgb((DARK if dark else LIGHT).wrong), 0.85])
    assert np.asarray(heat.get_array())[..., 3].sum() == pytest.approx(0.85)
    weaker = np.asarray(second.images[0].get_array())[..., 3]
    assert weaker[3, 3] == pytest.approx(0.85 * 2 / 8)
    assert weaker[0, 0] == 0, "what speaks against a class is not drawn"
    assert [axes.texts[0].get_text() for axes in (alone, first, second)] == ["is お", "お  98.0%", "す  1.0%"]
    svg(figure)


def test_an_image_in_which_nothing_speaks_for_anything(image):
    figure = explained_figure([explanation(image, "0", None, np.full((1, 2, 2), -3, np.float32), [("rare", 1.0)])])
    assert [axes.texts[0].get_text() for axes in figure.axes] == ["0", "rare  100.0%"]
    assert not np.asarray(figure.axes[1].images[0].get_array())[..., 3].any()
    svg(figure)


@pytest.mark.parametrize(("shape", "dark"), [((30, 200), False), ((200, 30), True), ((7, 7), False)])
def test_pages_of_any_shape(shape, dark):
    page = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    seen = [("お", Peak(6, 8, 0.9)), ("\U00024fa3", Peak(10, 12, 0.8))]
    sureness = np.random.default_rng(1).random((3, 5), np.float32)
    figure = seen_figure(PageExplanation(Picture("page", page, scale=2.0), sureness, seen), dark)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["お", "U+24FA3"]
    assert (axes.texts[0].xy, axes.lines[0].get_xdata()[0]) == ((3, 4), 3)
    assert axes.get_ylim() == (shape[0], 0)
    svg(figure)


@both_themes
def test_feature_maps_are_drawn_from_lowest_to_highest(image, dark):
    maps = np.stack([np.arange(49.0).reshape(7, 7), np.full((7, 7), 3.0), -np.eye(7)]).astype(np.float32)
    figure = feature_map_figure(image, maps, ["0", "1", "2"], dark=dark)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["input", "0", "1", "2"]
    sheet = np.asarray(axes.images[0].get_array())[..., 3]
    across = sheet.shape[1] // 4
    cells = [sheet[:28, number * across : number * across + 28] for number in range(4)]
    assert (cells[1][0, 0], cells[1][27, 27]) == (0, 1)
    assert not cells[2].any(), "a map that is the same everywhere"
    np.testing.assert_array_equal(cells[3][::4, ::4], 1 - np.eye(7))
    svg(figure)
