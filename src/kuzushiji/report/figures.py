"""The figures of a run's report."""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from kuzushiji.evaluation.roc import RocCurve, macro_roc_curve, roc_curve_of
from kuzushiji.plots.calibration import reliability_figure, risk_coverage_figure
from kuzushiji.plots.characters import character_sheet
from kuzushiji.plots.confusion import confusion_figure
from kuzushiji.plots.curves import learning_curves
from kuzushiji.plots.roc import auc_figure, roc_figure
from kuzushiji.plots.style import drawable
from kuzushiji.report.material import Material

FIRST = 100
"""How many of the first test images are shown."""

Draw = Callable[[bool], Figure]
"""Draws a figure, for a dark page if True."""


def run_figures(material: Material) -> dict[str, Draw]:
    """Name -> what draws it, in the order of the report; what a run has nothing for is left out."""
    figures = number_figures(material)
    if material.images is not None:
        first = np.arange(min(FIRST, len(material.predictions)))
        figures["first-images"] = lambda dark: _sheet(material, first, dark)
        if len(material.surest_mistakes):
            figures["surest-mistakes"] = lambda dark: _sheet(material, material.surest_mistakes[:FIRST], dark)
    if material.model is not None:
        figures["layers"] = layers(material)
    return figures


def number_figures(material: Material) -> dict[str, Draw]:
    """Those that are drawn from numbers alone."""
    figures: dict[str, Draw] = {}
    metrics = material.run.metrics
    if metrics and metrics[0]["train_loss"] is not None:  # a classical model has no epochs
        figures["curves"] = lambda dark: learning_curves(metrics, material.kept_epoch, dark)
    if not material.many_classes:
        figures["confusion"] = lambda dark: confusion_figure(material.evaluation.confusion, material.classes, dark)
    macro, each = roc_curves(material)
    figures["roc"] = lambda dark: roc_figure(macro, each, dark)
    calibration = material.calibration
    figures["reliability"] = lambda dark: reliability_figure(calibration.before, calibration.after, dark)
    figures["risk-coverage"] = lambda dark: risk_coverage_figure(calibration, dark)
    areas = np.array([scores.auc.value for scores in material.evaluation.per_class])
    if np.isfinite(areas).any():
        figures["auc"] = lambda dark: auc_figure(areas, material.train_counts, material.classes, dark)
    return figures


def layers(material: Material) -> Draw:
    """The layered picture of the network."""
    from kuzushiji.plots.layers import layer_figure

    model = material.model
    assert model is not None
    return lambda dark: layer_figure(model, material.image_size, dark)


def roc_curves(material: Material) -> tuple[RocCurve, list[RocCurve]]:
    """The mean ROC curve and, unless there are too many, that of each class that has test images."""
    scores, labels = material.predictions.probabilities, material.predictions.labels
    macro = macro_roc_curve(scores, labels)
    if material.many_classes:
        return macro, []
    return macro, [roc_curve_of(scores, labels, label) for label in np.unique(labels).tolist()]


def _sheet(material: Material, numbers: np.ndarray, dark: bool) -> Figure:
    """Images with prediction (P) and truth (A, actual) under each."""
    labels, predicted = material.predictions.labels, material.predictions.predicted
    captions = [
        f"P {drawable(material.classes[predicted[number]])}  A {drawable(material.classes[labels[number]])}"
        for number in numbers
    ]
    return character_sheet(material.images_of(numbers), captions, material.wrong[numbers].tolist(), dark=dark)
