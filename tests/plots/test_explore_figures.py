"""Figures of an exploration: they draw at every size, in both themes, and show what they are given."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from kuzushiji.plots.balance import balance_figure, coverage_figure
from kuzushiji.plots.files import svg
from kuzushiji.plots.forms import FormsRow, forms_figure
from kuzushiji.plots.maps import class_colours, components_figure, map_figure, map_measures_figure, variance_figure
from kuzushiji.plots.shift import shift_figure
from kuzushiji.plots.style import DARK, LIGHT
from tests.plots.synthetic import K49, KANJI, KMNIST


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def luminance(colour):
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("count", [1, 2, 10, 20, 49, 64])
def test_colours_of_classes_differ_and_show_on_both_papers(count):
    colours = class_colours(count)
    assert len(set(colours)) == count
    for colour in colours:
        assert (luminance(LIGHT.paper) + 0.05) / (luminance(colour) + 0.05) >= 3
        assert (luminance(colour) + 0.05) / (luminance(DARK.paper) + 0.05) >= 3


def test_neighbouring_classes_have_colours_far_apart():
    first, second = (np.array(to_rgb(colour)) for colour in class_colours(10)[:2])
    assert np.abs(first - second).sum() > 0.4


@pytest.mark.parametrize("dark", [False, True])
def test_a_map_shows_every_point_and_names_every_class(dark):
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 6)
    images = generator.integers(0, 255, (60, 8, 8), dtype=np.uint8)
    figure = map_figure(generator.normal(size=(60, 2)), labels, KMNIST, images, dark)
    (axes,) = figure.axes
    assert sum(len(line.get_xdata()) for line in axes.lines) == 60
    assert texts(figure) == list(KMNIST)
    assert 5 < len(axes.images) <= 60
    assert {line.get_color() for line in axes.lines} == set(class_colours(10))
    assert "<svg" in svg(figure)


def test_a_far_outlier_does_not_push_all_others_together():
    positions = np.random.default_rng(0).normal(size=(300, 2))
    positions[0] = 1e6, 1e6
    figure = map_figure(positions, np.zeros(300, dtype=int), KMNIST)
    (line,) = figure.axes[0].lines
    assert np.std(line.get_xdata()) > 0.1
    assert np.max(line.get_xdata()) <= 1


def test_a_map_of_equal_positions_is_drawn():
    assert map_figure(np.zeros((5, 2)), np.arange(5), KMNIST).axes


@pytest.mark.parametrize(("classes", "bars"), [(KMNIST, 20), (K49, 98), (KANJI, 0)])
def test_balance_at_every_number_of_classes(classes, bars):
    counts = {name: np.arange(len(classes), 0, -1) for name in ("train", "test")}
    figure = balance_figure(counts, np.arange(len(classes)), classes)
    (axes,) = figure.axes
    assert len(axes.patches) == bars
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train", "test"]
    if bars:
        assert [label.get_text() for label in axes.get_xticklabels()] == list(classes)
    else:
        assert axes.get_yscale() == "log"


def test_balance_where_a_split_lacks_classes():
    """Each split's line goes over the classes that it has, though only those of the training images are ranked."""
    classes = tuple(map(str, range(100)))
    train, test = np.where(np.arange(100) < 70, 2, 0), np.arange(100)
    (axes,) = balance_figure({"train": train, "test": test}, np.arange(70), classes).axes
    assert [len(line.get_xdata()) for line in axes.lines] == [70, 99]


def test_the_cut_off_is_written_where_it_is():
    figure = coverage_figure(np.array([0.5, 0.8, 0.95, 1.0]), 3, 0.9)
    assert texts(figure) == ["3 of 4 characters\nmake up 95.0%"]
    dot = figure.axes[0].lines[-1]
    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (3, 0.95)


def test_components_needed_are_written():
    figure = variance_figure(np.array([0.5, 0.3, 0.15, 0.05]))
    assert texts(figure) == ["1 for 50%", "3 for 90%"]


def test_components_have_a_colour_for_more_and_one_for_less():
    component = np.zeros((1, 4, 4), dtype=np.float32)
    component[0, 0, 0], component[0, 3, 3] = 2, -1
    figure = components_figure(component, ["1  90%"], columns=1)
    more, less = (image.get_array() for image in figure.axes[0].images)
    assert more[0, 0].tolist() == pytest.approx([*to_rgb(LIGHT.series[0]), 1])
    assert less[3, 3].tolist() == pytest.approx([*to_rgb(LIGHT.series[1]), 0.5])
    assert more[1, 1, 3] == less[1, 1, 3] == more[3, 3, 3] == less[0, 0, 3] == 0


def test_measures_of_maps_are_at_their_places():
    figure = map_measures_figure(["PCA", "t-SNE"], [0.7, 0.95], [0.4, 0.85], 0.9)
    (axes,) = figure.axes
    trusted, accurate, _ = axes.lines
    assert trusted.get_xdata().tolist() == [0.7, 0.95]
    assert accurate.get_xdata().tolist() == [0.4, 0.85]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["PCA", "t-SNE"]


@pytest.mark.parametrize("dark", [False, True])
def test_forms_are_rows_of_images(dark):
    mean = np.full((4, 4), 100.0, dtype=np.float32)
    images = np.full((3, 4, 4), 255, dtype=np.uint8)
    rows = [
        FormsRow("つ", "40", mean, mean, [(0.75, images), (0.25, images[:1])]),
        FormsRow("す", "7", mean, mean, [(1, images)]),
    ]
    figure = forms_figure(rows, dark)
    sheet = np.asarray(figure.axes[0].images[0].get_array())
    assert (sheet[..., 3] == 1).sum() == 7 * 16
    assert sheet[0, 0, :3].tolist() == pytest.approx(to_rgb((DARK if dark else LIGHT).ink))
    assert {"つ", "す", "75%", "25%", "100%", "40"} <= set(texts(figure))


def test_shift_draws_shares_of_both_sides():
    figure = shift_figure(("train", "test"), (np.array([0.1, 0.2, 0.2, 0.3]), np.array([0.9, 0.8])))
    (axes,) = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train", "test"]
    heights = [patch.get_data().values for patch in axes.patches if patch.get_label() in ("train", "test")]
    assert [values.sum() for values in heights] == pytest.approx([1, 1])
