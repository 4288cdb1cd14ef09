"""The figures of a study's answer."""

from collections.abc import Callable
from functools import partial
from math import nan

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from kuzushiji.data.source import title_of
from kuzushiji.evaluation.compare import Comparison
from kuzushiji.models import MODELS
from kuzushiji.plots.balance import coverage_figure
from kuzushiji.plots.characters import character_sheet
from kuzushiji.plots.studies import (
    Course,
    FactorPoint,
    Mark,
    all_rocs_figure,
    class_areas_figure,
    courses_figure,
    differences_figure,
    effects_figure,
    factor_figure,
    learning_curve_figure,
    marks_figure,
    order_figure,
    scatter_figure,
)
from kuzushiji.plots.style import drawable
from kuzushiji.studies.answer import (
    Answer,
    Result,
    cut_off,
    factor_title,
    factor_values,
    measure_title,
    predictions_of,
    test_images,
)

EXAMPLES = 40
"""How many images the best trial named right are shown, and how many it named wrong."""

Draw = Callable[[bool], Figure]
"""Draws a figure, for a dark page if True."""


def study_figures(answer: Answer) -> dict[str, Draw]:
    """Name -> what draws it; what there is nothing for is left out."""
    figures: dict[str, Draw] = {"accuracies": lambda dark: _accuracies(answer, dark)}
    courses = [_course(result) for result in answer.measured if result.runs and len(result.runs[0].metrics) > 0]
    courses = [course for course in courses if course.validation_accuracy or course.train_accuracy]
    if courses:
        figures["curves"] = lambda dark: courses_figure(courses, dark)
    if any(len(line) > 1 for line in factor_values(answer).values()):
        figures["factor"] = lambda dark: _factor(answer, dark)
    if curves := answer.learning_curves:
        figures["learning-curve"] = lambda dark: learning_curve_figure(curves, answer.study.extrapolate, dark)
    if len(answer.measured) > 2:
        figures["differences"] = lambda dark: _differences(answer, dark)
    if answer.effects:
        figures["effects"] = lambda dark: _effects(answer, dark)
    figures |= _asked_for(answer)
    return figures


def _asked_for(answer: Answer) -> dict[str, Draw]:
    """Those that a study asks for by `show`."""
    figures: dict[str, Draw] = {}
    show = answer.study.show
    if "order" in show and answer.order is not None:
        figures["order"] = lambda dark: _order(answer, dark)
    if "auc" in show:
        figures["rare-auc"] = lambda dark: _rare_areas(answer, dark)
        if answer.study.pairs:
            figures["class-auc"] = lambda dark: _class_areas(answer, dark)
    if "scatter" in show and len(answer.measured) > 1:
        figures["scatter"] = lambda dark: _scatter(answer, dark)
    if "roc" in show:
        figures["roc"] = lambda dark: _rocs(answer, dark)
    if "examples" in show:
        figures |= _examples(answer)
    if "cut-off" in show and (balance := cut_off(answer)) is not None:
        figures["cut-off"] = lambda dark: coverage_figure(balance.coverage, balance.kept, balance.cover, dark)
    if "layers" in show:
        for name, results in networks(answer).items():
            figures[f"layers-{name}"] = _layers(results[0])
    return figures


def networks(answer: Answer) -> dict[str, list[Result]]:
    """The different networks of a study, by the label of the first trial that has them."""
    found: dict[str, list[Result]] = {}
    for result in answer.measured:
        if not result.runs or MODELS[result.trial.model].fitted:
            continue
        for others in found.values():
            if (result.trial.model, result.trial.options) == (others[0].trial.model, others[0].trial.options):
                others.append(result)
                break
        else:
            found[result.label] = [result]
    return found


def accuracy_mark(result: Result, published: str = "") -> Mark:
    """Test accuracy of a trial as a row of a figure: with its interval, or with those of its seeds."""
    theirs = result.trial.theirs.get(published, nan)
    if len(result.evaluations) > 1:
        return Mark(result.label, result.accuracy, each=tuple(result.values("test_accuracy")), published=theirs)
    accuracy = result.evaluations[0].accuracy
    return Mark(result.label, accuracy.value, accuracy.low, accuracy.high, published=theirs)


def published_title(answer: Answer) -> str:
    """What the published accuracies are, for a legend; empty where there are none."""
    if not answer.ordered_by:
        return ""
    data = answer.study.published.data
    return f"published {measure_title(answer.ordered_by)}" + (f", {title_of(data)}" if data else "")


def _accuracies(answer: Answer, dark: bool) -> Figure:
    marks = [accuracy_mark(result, answer.ordered_by) for result in answer.ranked]
    return marks_figure(marks, "test accuracy", published_title(answer), dark=dark)


def _course(result: Result) -> Course:
    metrics = result.runs[0].metrics

    def values(name: str) -> tuple[float, ...]:
        numbers = [line.get(name) for line in metrics]
        return tuple(nan if number is None else number for number in numbers) if any(numbers) else ()

    return Course(
        result.label,
        values("train_loss"),
        values("train_accuracy"),
        values("validation_loss"),
        values("validation_accuracy"),
    )


def _factor(answer: Answer, dark: bool) -> Figure:
    timed = "seconds" in answer.study.show

    def point(value: float, result: Result) -> FactorPoint:
        seconds = result.mean("seconds_per_epoch") if timed else nan
        return FactorPoint(value, accuracy_mark(result, answer.ordered_by), seconds)

    lines = [(name, [point(*each) for each in line]) for name, line in factor_values(answer).items()]
    return factor_figure(lines, factor_title(answer.study.factor), published_title(answer), dark)


def _differences(answer: Answer, dark: bool) -> Figure:
    labels = [result.label for result in answer.ranked]
    count = len(labels)
    differences, chance = np.zeros((count, count)), np.ones((count, count), dtype=bool)
    for row, one in enumerate(labels):
        for column, other in enumerate(labels):
            if one != other:
                comparison = answer.comparison(one, other)
                differences[row, column] = comparison.accuracy.value
                chance[row, column] = not comparison.differs()
    return differences_figure(labels, differences, chance, dark)


def _effects(answer: Answer, dark: bool) -> Figure:
    def mark(label: str, comparison: Comparison) -> Mark:
        return Mark(label, comparison.accuracy.value, comparison.accuracy.low, comparison.accuracy.high)

    effects = [
        (
            mark(effect.name, effect.together),
            [mark(f"{pair.first} − {pair.second}", pair) for pair in effect.pairs],
        )
        for effect in answer.effects
    ]
    return effects_figure(effects, dark)


def _order(answer: Answer, dark: bool) -> Figure:
    known = [result for result in answer.measured if answer.ordered_by in result.trial.theirs]
    theirs = [result.trial.theirs[answer.ordered_by] for result in known]
    titles = f"published, {title_of(answer.study.published.data)}", f"ours, {answer.data.title}"
    return order_figure([result.label for result in known], theirs, [result.accuracy for result in known], titles, dark)


def _rare_areas(answer: Answer, dark: bool) -> Figure:
    ranked = sorted(answer.measured, key=lambda result: -result.mean("auc_inverse_frequency"))
    marks = []
    for result in ranked:
        area = result.evaluations[0].auc_inverse_frequency
        if len(result.evaluations) > 1:
            values = tuple(result.values("auc_inverse_frequency"))
            marks.append(Mark(result.label, result.mean("auc_inverse_frequency"), each=values))
        else:
            marks.append(Mark(result.label, area.value, area.low, area.high))
    return marks_figure(marks, "AUC, each class weighted by one over its training images", as_share=False, dark=dark)


def _class_areas(answer: Answer, dark: bool) -> Figure:
    by_label = {result.label: result for result in answer.measured}
    pairs = [pair for pair in answer.study.pairs if pair[0] in by_label and pair[1] in by_label]
    counts = np.array(answer.first_run.config.train_counts)

    def areas(label: str) -> np.ndarray:
        return np.mean(
            [[scores.auc.value for scores in each.per_class] for each in by_label[label].evaluations], axis=0
        )

    classes = answer.first_run.config.classes
    return class_areas_figure(pairs, [(areas(one), areas(other)) for one, other in pairs], counts, classes, dark)


def _scatter(answer: Answer, dark: bool) -> Figure:
    points = [(result.label, result.accuracy, result.mean("auc_inverse_frequency")) for result in answer.ranked]
    return scatter_figure(points, "AUC weighted by rarity", dark)


def _rocs(answer: Answer, dark: bool) -> Figure:
    ranked = sorted(answer.measured, key=lambda result: -result.mean("auc_macro"))
    trials = [(result.label, result.macro_roc) for result in ranked if result.macro_roc is not None]
    return all_rocs_figure(trials, [result.class_rocs for result in ranked], dark)


def _examples(answer: Answer) -> dict[str, Draw]:
    """Sheets of images that the best trial named right, of every class in turn, and of its surest mistakes."""
    predictions = predictions_of(answer.best, answer)
    images = test_images(answer, predictions)
    if images is None:
        return {}
    labels, predicted = predictions.labels, predictions.predicted
    is_right = predicted == labels
    right = np.flatnonzero(is_right)
    # The first of each class, then the second of each, and so on.
    turn = np.array([np.count_nonzero(labels[right[:place]] == labels[row]) for place, row in enumerate(right[:2000])])
    certainty = predictions.probabilities.max(axis=1)
    wrong = np.flatnonzero(~is_right)
    chosen = {
        "right": right[: len(turn)][np.lexsort((labels[right[: len(turn)]], turn))][:EXAMPLES],
        "wrong": wrong[np.argsort(-certainty[wrong], kind="stable")][:EXAMPLES],
    }

    def sheet(rows: NDArray[np.intp], dark: bool) -> Figure:
        captions = [
            drawable(predictions.classes[labels[row]])
            if is_right[row]
            else f"P {drawable(predictions.classes[predicted[row]])}  A {drawable(predictions.classes[labels[row]])}"
            for row in rows
        ]
        return character_sheet(images.images[rows], captions, dark=dark)

    return {name: partial(sheet, rows) for name, rows in chosen.items() if len(rows)}


def _layers(result: Result) -> Draw:
    import torch

    from kuzushiji.inference.weights import build_network
    from kuzushiji.plots.layers import layer_figure

    config = result.runs[0].config
    with torch.device("meta"):
        network = build_network(config)
    return lambda dark: layer_figure(network, config.model.image_size, dark)
