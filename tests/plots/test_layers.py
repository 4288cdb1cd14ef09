from importlib.util import find_spec
from itertools import combinations

import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch

from kuzushiji.models import MODELS, create_model, list_models
from kuzushiji.plots.files import svg
from kuzushiji.plots.layers import layer_figure
from kuzushiji.plots.style import DARK, LIGHT

FACES = 5
"""Polygons of a box: its front, and its lid and its side with a shade on top of each."""


def drawn(name, dark=False, **changes):
    options: dict = {"classes": MODELS[name].classes, "image_size": MODELS[name].image_size} | changes
    with torch.device("meta"):
        model = create_model(name, **options)
    return layer_figure(model, options["image_size"], dark)


def fronts(figure):
    """Width and height of the front of each box, from left to right."""
    boxes = [patch.get_xy() for patch in figure.axes[0].patches if not isinstance(patch, PathPatch)][::FACES]
    return [tuple((box.max(0) - box.min(0)).round(6)) for box in boxes]


def captions(figure):
    return [text.get_text() for text in figure.axes[0].texts if text.get_text()]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_lenet5_is_drawn_as_it_is():
    figure = drawn("lenet5")
    assert " ".join(captions(figure)) == "1 28×28 6 6 14×14 16 10×10 16 5×5 400 120 84 49"
    assert legend(figure) == ["input", "convolution", "pooling", "flatten", "dense"]
    widths, heights = zip(*fronts(figure), strict=True)
    assert heights[:5] == pytest.approx([1, 1, 14 / 28, 10 / 28, 5 / 28], abs=1e-6)
    assert widths[0] < widths[1] == widths[2] < widths[3] == widths[4]
    assert len(widths) == 9


@pytest.mark.parametrize("dark", [False, True])
def test_boxes_have_the_colours_of_the_theme(dark):
    theme = DARK if dark else LIGHT
    figure = drawn("keras_cnn", dark)
    colours = [to_hex(patch.get_facecolor()) for patch in figure.axes[0].patches][::FACES]
    convolution, pooling, dense, _, dropout = theme.series
    assert colours == [
        theme.faint, convolution, convolution, pooling, dropout, theme.muted, dense, dropout, dense
    ]  # fmt: skip


@pytest.mark.parametrize("name", list_models())
def test_all_is_on_the_page_and_no_text_on_another(name):
    if MODELS[name].extra and not find_spec("timm"):
        pytest.skip("timm is not installed (pip install 'kuzushiji[transfer]')")
    figure = drawn(name)
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    renderer = figure.canvas.get_renderer()
    page = figure.bbox
    texts = [text for text in axes.texts if text.get_text()]
    extents = [text.get_window_extent(renderer) for text in texts]
    for one, other in combinations(range(len(texts)), 2):
        assert not extents[one].overlaps(extents[other]), (texts[one].get_text(), texts[other].get_text())
    everything = extents + [patch.get_window_extent(renderer) for patch in (*axes.patches, figure.legends[0])]
    for extent in everything:
        assert page.x0 <= extent.x0 <= extent.x1 <= page.x1
        assert page.y0 <= extent.y0 <= extent.y1 <= page.y1


def test_shortcuts_pass_by_the_blocks_of_a_residual_network():
    figure = drawn("resnet", depth=2)
    curves = [patch for patch in figure.axes[0].patches if isinstance(patch, PathPatch)]
    assert len(curves) == 6
    assert legend(figure)[-1] == "shortcut"
    # The stem, two convolutions a block, and the embedding: those within the shortcuts are not in the row.
    assert captions(figure).count("128") == 4 + 2
    assert "shortcut" not in legend(drawn("lenet5"))


def test_normalisation_is_a_slice_of_what_it_normalises():
    for name, normalized in (("cnn_dense_batch_norm", 2), ("nn_dense_batch_norm", 3), ("page_cnn", 6)):
        figure = drawn(name)
        colours = [to_hex(patch.get_facecolor()) for patch in figure.axes[0].patches][::FACES]
        slices = [number for number, colour in enumerate(colours) if colour == LIGHT.series[3]]
        sizes = fronts(figure)
        assert len(slices) == normalized
        assert all(sizes[number][1] == sizes[number - 1][1] for number in slices)


@pytest.mark.parametrize(
    ("name", "depth", "numbers"),
    [
        ("densenet", 40, ["16", "160", "160", "14×14", "304", "304", "7×7", "448"]),
        ("shake_shake", 26, ["16", "96", "96", "96", "96", "192", "14×14", "192"]),
    ],
)
def test_of_a_deep_network_the_blocks_are_drawn_with_the_channels_that_they_give(name, depth, numbers):
    figure = drawn(name, depth=depth)
    colours = [to_hex(patch.get_facecolor()) for patch in figure.axes[0].patches][::FACES]
    assert "block" in legend(figure)
    assert "shortcut" not in legend(figure)
    assert colours.count(LIGHT.series[4]) == {"densenet": 5, "shake_shake": 12}[name]
    assert captions(figure)[2:10] == numbers


@pytest.mark.parametrize("kind", ["se", "cbam", "self"])
def test_attention_is_a_slice_of_what_it_weighs(kind):
    figure = drawn("keras_cnn", attention=kind)
    colours = [to_hex(patch.get_facecolor()) for patch in figure.axes[0].patches][::FACES]
    plain = [to_hex(patch.get_facecolor()) for patch in drawn("keras_cnn").axes[0].patches][::FACES]
    assert colours == [*plain[:4], LIGHT.ink, *plain[4:]]
    sizes = fronts(figure)
    assert sizes[4][1] == sizes[3][1]


def test_classical_models_are_drawn_as_what_they_compare_with():
    assert legend(drawn("pca_knn")) == ["input", "flatten", "dense", "training images"]
    assert captions(drawn("svm")) == ["1", "28×28", "784", "10"]


def test_images_need_not_be_square():
    figure = drawn("resnet", image_size=(20, 40))
    assert captions(figure)[:3] == ["1", "20×40", "32"]
    assert fronts(figure)[0][1] == pytest.approx(20 / 40)


def test_thousands_of_classes_fit():
    figure = drawn("resnet", classes=3832, image_size=64, width=64, depth=3)
    width, height = figure.get_size_inches()
    assert 9 < width < 12
    assert height > 1.5
    assert "3832" in captions(figure)


def test_a_page_can_put_its_own_colours_in_place_of_the_themes():
    model = create_model("lenet5", classes=10, image_size=28)
    text = svg(layer_figure(model, 28))
    assert all(f"f-{name}" in text for name in ("series-1", "series-2", "series-3", "faint", "muted"))
