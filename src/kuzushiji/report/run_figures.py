"""The figures of a run's report."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from matplotlib.figure import Figure as Drawing

from kuzushiji.evaluation.roc import RocCurve, macro_roc_curve, roc_curve_of
from kuzushiji.plots.calibration import reliability_figure, risk_coverage_figure
from kuzushiji.plots.characters import character_sheet, read_and_actual
from kuzushiji.plots.confusion import confusion_figure
from kuzushiji.plots.curves import learning_curves
from kuzushiji.plots.files import Draw
from kuzushiji.plots.roc import auc_figure, roc_figure
from kuzushiji.report.document import Figure, Figures
from kuzushiji.report.material import Material

FIRST = 100
"""How many of the first test images are shown."""


def run_figures(material: Material) -> dict[str, Draw]:
    """Name -> what draws it, in the order of the report; what a run has nothing for is left out."""
    figures = {name: figure.draw for name, figure in number_figures(material).items()}
    if material.images is not None:
        first = np.arange(min(FIRST, len(material.predictions)))
        figures["first-images"] = partial(_sheet, material, first)
        if len(material.surest_mistakes):
            figures["surest-mistakes"] = partial(_sheet, material, material.surest_mistakes[:FIRST])
    return figures


def number_figures(material: Material) -> Figures:
    """Those that need no images: what a page shows as figures."""
    return {figure.name: figure for figure in _number_figures(material)}


def _number_figures(material: Material) -> Iterator[Figure]:
    metrics = material.run.metrics
    if metrics and metrics[0]["train_loss"] is not None:  # a classical model has no epochs
        draw = partial(learning_curves, metrics, material.kept_epoch)
        yield Figure("curves", "Loss and accuracy of training and validation images over the epochs", draw)
    if not material.many_classes:
        label = "Confusion matrix: actual characters down, predicted ones across"
        draw = partial(confusion_figure, material.evaluation.confusion, material.classes)
        yield Figure("confusion", label, draw, wide=False)
    roc = partial(roc_figure, *roc_curves(material))
    yield Figure("roc", "ROC curves of each character against the rest and their mean", roc)
    areas = np.array([scores.auc.value for scores in material.evaluation.per_class])
    if np.isfinite(areas).any():
        label = "Area under the ROC curve of each character, by its number of training images"
        yield Figure("auc", label, partial(auc_figure, areas, material.train_counts, material.classes))
    calibration = material.calibration
    label = "Share of right answers by how sure the network is, before and after temperature scaling"
    yield Figure("reliability", label, partial(reliability_figure, calibration.before, calibration.after))
    label = "Share of wrong answers among the surest, by how many of them are given"
    yield Figure("risk-coverage", label, partial(risk_coverage_figure, calibration))
    if (model := material.model) is not None:
        from kuzushiji.plots.layers import layer_figure

        yield Figure("layers", "The layers of the network", partial(layer_figure, model, material.image_size))


def roc_curves(material: Material) -> tuple[RocCurve, list[RocCurve]]:
    """The mean ROC curve and, unless there are too many, that of each class that has test images."""
    scores, labels = material.predictions.probabilities, material.predictions.labels
    macro = macro_roc_curve(scores, labels)
    if material.many_classes:
        return macro, []
    return macro, [roc_curve_of(scores, labels, label) for label in np.unique(labels).tolist()]


def _sheet(material: Material, numbers: np.ndarray, dark: bool) -> Drawing:
    """Images with prediction (P) and truth (A, actual) under each."""
    labels, predicted = material.predictions.labels, material.predictions.predicted
    captions = [
        read_and_actual(material.classes[predicted[number]], material.classes[labels[number]]) for number in numbers
    ]
    return character_sheet(material.images_of(numbers), captions, material.wrong[numbers].tolist(), dark=dark)
