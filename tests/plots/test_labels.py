"""Names of classes in figures, however long: none lies over another."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from kuzushiji.plots.balance import balance_figure
from kuzushiji.plots.characters import character_sheet, read_and_actual
from kuzushiji.plots.confusion import confusion_figure
from kuzushiji.plots.labels import breadth, class_name, shortened
from kuzushiji.plots.maps import map_figure
from kuzushiji.plots.roc import auc_figure
from kuzushiji.plots.style import drawable, has_glyph

ODD = ("\U0002ebf0", "〓", "ゝ", "〱", "か\u309a", "葛\U000e0100", "ｶﾞ", "\U0001b002", "a long name without any end")
"""Characters without a glyph, with a selector of a variant, of two code points; and words."""


def extents(figure, texts):
    """Where texts fall; of one that is turned, the box around it."""
    FigureCanvasAgg(figure).draw()
    return [text.get_window_extent(figure.canvas.get_renderer()) for text in texts]


def assert_apart(figure, texts):
    boxes = extents(figure, texts)
    for (one, first), (other, second) in combinations(zip(texts, boxes, strict=True), 2):
        assert not first.overlaps(second), (one.get_text(), other.get_text())
    for text, box in zip(texts, boxes, strict=True):
        assert figure.bbox.x0 <= box.x0, text.get_text()
        assert figure.bbox.y1 >= box.y1, text.get_text()


@pytest.mark.parametrize("count", [9, 27])
def test_names_of_a_confusion_matrix_lie_apart(count):
    classes = [f"{name}{number}" if count > 9 else name for number, name in enumerate(ODD * (count // 9))]
    figure = confusion_figure(np.eye(count, dtype=np.int64), classes)
    axes = figure.axes[0]
    across = [tick.label2 for tick in axes.xaxis.get_major_ticks()]
    assert [label.get_text() for label in across] == [class_name(name) for name in classes]
    assert_apart(figure, across)
    assert_apart(figure, axes.get_yticklabels())


def test_names_below_bars_and_areas_lie_apart():
    order = np.arange(len(ODD))
    for figure in (auc_figure(np.linspace(0.8, 1, len(ODD)), order, ODD), balance_figure({"train": order}, order, ODD)):
        assert_apart(figure, figure.axes[0].get_xticklabels())


def test_single_characters_stand_as_they_are():
    figure = confusion_figure(np.eye(2, dtype=np.int64), ("あ", "い"))
    assert {tick.label2.get_rotation() for tick in figure.axes[0].xaxis.get_major_ticks()} == {0}


def test_captions_of_a_sheet_lie_apart():
    captions = [read_and_actual(one, other) for one in ODD for other in ODD]
    images = np.zeros((len(captions), 28, 28), dtype=np.uint8)
    figure = character_sheet(images, captions, [True] * len(captions))
    assert_apart(figure, figure.axes[0].texts)


def test_rings_on_a_map_stay_small():
    labels = np.repeat(np.arange(len(ODD)), 5)
    figure = map_figure(np.random.default_rng(0).normal(size=(len(labels), 2)), labels, ODD)
    FigureCanvasAgg(figure).draw()
    heights = [text.get_bbox_patch().get_window_extent().height for text in figure.axes[0].texts]
    assert max(heights) < figure.bbox.height / 8


def test_a_variant_is_drawn_as_its_common_form():
    assert drawable("葛\U000e0100") == "葛"
    assert has_glyph("葛\U000e0100")


@pytest.mark.parametrize(
    ("text", "most", "cut"),
    [("short", 10, "short"), ("ぜんぶかな", 4, "ぜんぶ…"), ("abcdefgh", 3, "abcd…"), ("", 1, "")],
)
def test_text_is_cut_by_its_breadth(text, most, cut):
    assert shortened(text, most) == cut
    assert breadth(cut) <= most
