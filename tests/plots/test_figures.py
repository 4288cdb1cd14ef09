"""Figures of curves, confusions, ROC and characters: at every size, in both themes, with every glyph.

Warnings are errors in tests, so that a character that can't be drawn fails them.
"""

import re

import numpy as np
import pytest

from kuzushiji.evaluation.roc import RocCurve
from kuzushiji.plots.characters import character_sheet
from kuzushiji.plots.confusion import confusion_figure
from kuzushiji.plots.curves import learning_curves
from kuzushiji.plots.files import svg
from kuzushiji.plots.roc import auc_figure, roc_figure

KMNIST = tuple("おきすつなはまやれを")
K49 = tuple("あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわゐゑをんゝ")
AWKWARD = ("𤾣", "戶", "$x_{1$", "<b>", "U+304A", "U+304B", "&", "　", "a long name of a class")

both_themes = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


def epoch(number, **values):
    measured = {"train_loss": 1.0, "train_accuracy": 0.5, "validation_loss": 1.5, "validation_accuracy": 0.4}
    return {"epoch": number, **measured, **values}


def paths(figure):
    """How many shapes a figure draws."""
    return len(re.findall("<path|<use|<image", svg(figure)))


@both_themes
def test_learning_curves(dark):
    metrics = [epoch(number, train_loss=1 / number, validation_accuracy=1 - 0.5 / number) for number in range(1, 13)]
    loss, accuracy = learning_curves(metrics, kept=7, dark=dark).axes
    assert [line.get_label() for line in loss.lines if line.get_label()[0] != "_"] == [
        "train",
        "validation",
        "kept: epoch 7",
    ]
    np.testing.assert_allclose(loss.lines[0].get_ydata(), [1 / number for number in range(1, 13)])
    assert accuracy.lines[-1].get_xdata()[0] == 7


def test_learning_curves_without_validation_and_with_numbers_that_are_none():
    unmeasured = {"validation_loss": None, "validation_accuracy": None}
    loss, _ = learning_curves([epoch(1, **unmeasured), epoch(2, **unmeasured)]).axes
    assert [line.get_label() for line in loss.lines] == ["train"]
    nan = learning_curves([epoch(1, train_loss=float("nan")), epoch(2, train_loss=float("nan"))], kept=2)
    assert nan.axes[0].lines[0].get_label() == "validation"
    svg(nan)


def test_learning_curve_of_a_single_epoch_shows_points():
    figure = learning_curves([epoch(1)], kept=1)
    assert figure.axes[0].lines[0].get_marker() == "o"
    assert paths(figure) > paths(learning_curves([]))


@both_themes
@pytest.mark.parametrize("classes", [("あ", "い"), KMNIST, K49, AWKWARD], ids=["2", "10", "49", "awkward"])
def test_confusion_matrix(classes, dark):
    count = len(classes)
    confusion = np.eye(count, dtype=np.int64) * 1000
    confusion[1, 0] = 12345
    figure = confusion_figure(confusion, classes, dark=dark)
    axes = figure.axes[0]
    assert len(axes.get_xticklabels()) == len(axes.get_yticklabels()) == count
    texts = {text.get_text(): text.get_position() for text in axes.texts}
    if count <= 16:
        assert texts["12,345"] == (0, 1), "row 1, column 0: actual is down, predicted is across"
    else:
        assert not texts
    right, wrong = axes.collections
    assert len(right.get_paths()) == count
    assert len(wrong.get_paths()) == 1
    svg(figure)


def test_confusion_matrix_of_classes_without_images():
    svg(confusion_figure(np.zeros((3, 3), dtype=np.int64), ("あ", "い", "う")))


@both_themes
def test_roc(dark):
    perfect = RocCurve(np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0]))
    figure = roc_figure(perfect, [perfect] * 49, dark=dark)
    assert len(figure.axes[0].collections[0].get_paths()) == 49
    svg(figure)
    svg(roc_figure(perfect, dark=dark))


@pytest.mark.parametrize("classes", [KMNIST, K49, AWKWARD], ids=["10", "49", "awkward"])
def test_areas_are_sorted_by_training_images(classes):
    count = len(classes)
    counts = np.arange(count) * 10
    areas = np.linspace(0.9, 1, count)
    areas[2] = np.nan
    axes = auc_figure(areas, counts, classes).axes[0]
    drawn = axes.lines[0].get_ydata()
    assert len(drawn) == count - 1
    assert (np.diff(drawn) < 0).all(), "the class with the most training images comes first, and it has the best area"


@both_themes
def test_areas_of_thousands_of_classes(dark):
    generator = np.random.default_rng(0)
    figure = auc_figure(generator.random(3832), generator.integers(0, 1700, 3832), ("字",) * 3832, dark=dark)
    assert len(figure.axes[0].lines[0].get_ydata()) == 3832
    svg(figure)


def test_areas_that_are_all_perfect_or_all_undefined():
    svg(auc_figure(np.ones(3), np.array([1, 2, 3]), ("あ", "い", "う")))
    svg(auc_figure(np.full(3, np.nan), np.array([1, 2, 3]), ("あ", "い", "う")))


@both_themes
@pytest.mark.parametrize("shape", [(1, 28, 28), (23, 28, 28), (12, 64, 48)])
def test_character_sheet(shape, dark):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    wrong = [True] + [False] * (shape[0] - 1)
    figure = character_sheet(images, [f"P あ  A {number}" for number in range(shape[0])], wrong, dark=dark)
    captions = [text.get_text() for text in figure.axes[0].texts]
    assert captions[0] == "× P あ  A 0", "wrong ones are marked by more than a colour"
    assert len(captions) == shape[0]
    assert len(figure.axes[0].patches) == 1
    svg(figure)


def test_character_sheet_shows_ink_and_nothing_else():
    images = np.zeros((2, 28, 28), dtype=np.uint8)
    images[1, 3, 5] = 255
    sheet = np.asarray(character_sheet(images, ["", ""], columns=2).axes[0].images[0].get_array())
    assert np.count_nonzero(sheet[..., 3]) == 1
