"""The figures of a study's answer."""

from collections.abc import Iterator
from functools import partial
from math import nan

import numpy as np
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray

from kuzushiji.data.source import title_of
from kuzushiji.evaluation.compare import Comparison
from kuzushiji.models import MODELS
from kuzushiji.plots.balance import coverage_figure
from kuzushiji.plots.characters import character_sheet, read_and_actual
from kuzushiji.plots.comparisons import all_rocs_figure, class_areas_figure, differences_figure, scatter_figure
from kuzushiji.plots.files import Draw
from kuzushiji.plots.studies import (
    Course,
    FactorPoint,
    Mark,
    courses_figure,
    effects_figure,
    factor_figure,
    learning_curve_figure,
    marks_figure,
    order_figure,
)
from kuzushiji.plots.style import drawable
from kuzushiji.report.document import Figure, Figures
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


def study_figures(answer: Answer) -> Figures:
    """The figures by their names; what there is nothing for is left out."""
    return {figure.name: figure for figure in (*_always(answer), *_asked_for(answer))}


def _always(answer: Answer) -> Iterator[Figure]:
    """Those that every study has as far as there is something to draw."""
    yield Figure("accuracies", "Test accuracy of each trial with its interval", partial(_accuracies, answer))
    courses = [_course(result) for result in answer.measured if result.runs and len(result.runs[0].metrics) > 0]
    courses = [course for course in courses if course.validation_accuracy or course.train_accuracy]
    if courses:
        yield Figure("curves", "Loss and accuracy of each trial over the epochs", partial(courses_figure, courses))
    if any(len(line) > 1 for line in factor_values(answer).values()):
        what = "Test accuracy and seconds an epoch" if "seconds" in answer.study.show else "Test accuracy"
        yield Figure("factor", f"{what} against the {factor_title(answer.study.factor)}", partial(_factor, answer))
    if curves := answer.learning_curves:
        draw = partial(learning_curve_figure, curves, answer.study.extrapolate)
        yield Figure("learning-curve", "Error against the number of training images", draw)
    if len(answer.measured) > 2:
        draw = partial(_differences, answer)
        yield Figure("differences", "Difference in test accuracy of every pair of trials", draw, wide=False)
    if answer.effects:
        yield Figure("effects", "What each change does to the test accuracy", partial(_effects, answer))


def _asked_for(answer: Answer) -> Iterator[Figure]:
    """Those that a study asks for by `show`."""
    show = answer.study.show
    if "order" in show and answer.order is not None:
        yield Figure("order", "The published order of the trials beside ours", partial(_order, answer))
    if "auc" in show:
        yield Figure("rare-auc", "Area under the ROC curve weighted by rarity", partial(_rare_areas, answer))
        if answer.study.pairs:
            draw = partial(_class_areas, answer)
            yield Figure("class-auc", "Area under each class's ROC curve, pair by pair", draw)
    if "scatter" in show and len(answer.measured) > 1:
        yield Figure("scatter", "Accuracy against the weighted area under the ROC curve", partial(_scatter, answer))
    if "roc" in show:
        yield Figure("roc", "ROC curves of all trials", partial(_rocs, answer))
    if "examples" in show:
        yield from _examples(answer)
    if "cut-off" in show and (balance := cut_off(answer)) is not None:
        draw = partial(coverage_figure, balance.coverage, balance.kept, balance.cover)
        yield Figure("cut-off", "Share of the images that the most frequent characters make up", draw)
    if "layers" in show:
        for name, results in networks(answer).items():
            yield Figure(f"layers-{name}", f"The layers of {name}", _layers(results[0]), wide=False)


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


def _accuracies(answer: Answer, dark: bool) -> Drawing:
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


def _factor(answer: Answer, dark: bool) -> Drawing:
    timed = "seconds" in answer.study.show

    def point(value: float, result: Result) -> FactorPoint:
        seconds = result.mean("seconds_per_epoch") if timed else nan
        return FactorPoint(value, accuracy_mark(result, answer.ordered_by), seconds)

    lines = [(name, [point(*each) for each in line]) for name, line in factor_values(answer).items()]
    return factor_figure(lines, factor_title(answer.study.factor), published_title(answer), dark)


def _differences(answer: Answer, dark: bool) -> Drawing:
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


def _effects(answer: Answer, dark: bool) -> Drawing:
    def mark(label: str, comparison: Comparison) -> Mark:
        return Mark(label, comparison.accuracy.value, comparison.accuracy.low, comparison.accuracy.high)

    effects = [
        (mark(effect.name, effect.together), [mark(f"{pair.first} − {pair.second}", pair) for pair in effect.pairs])
        for effect in answer.effects
    ]
    return effects_figure(effects, dark)


def _order(answer: Answer, dark: bool) -> Drawing:
    known = [result for result in answer.measured if answer.ordered_by in result.trial.theirs]
    theirs = [result.trial.theirs[answer.ordered_by] for result in known]
    titles = f"published, {title_of(answer.study.published.data)}", f"ours, {answer.data.title}"
    return order_figure([result.label for result in known], theirs, [result.accuracy for result in known], titles, dark)


def _rare_areas(answer: Answer, dark: bool) -> Drawing:
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


def _class_areas(answer: Answer, dark: bool) -> Drawing:
    by_label = {result.label: result for result in answer.measured}
    pairs = [pair for pair in answer.study.pairs if pair[0] in by_label and pair[1] in by_label]
    counts = np.array(answer.first_run.config.train_counts)

    def areas(label: str) -> np.ndarray:
        return np.mean(
            [[scores.auc.value for scores in each.per_class] for each in by_label[label].evaluations], axis=0
        )

    classes = answer.first_run.config.classes
    return class_areas_figure(pairs, [(areas(one), areas(other)) for one, other in pairs], counts, classes, dark)


def _scatter(answer: Answer, dark: bool) -> Drawing:
    points = [(result.label, result.accuracy, result.mean("auc_inverse_frequency")) for result in answer.ranked]
    return scatter_figure(points, "AUC weighted by rarity", dark)


def _rocs(answer: Answer, dark: bool) -> Drawing:
    ranked = sorted(answer.measured, key=lambda result: -result.mean("auc_macro"))
    trials = [(result.label, result.macro_roc) for result in ranked if result.macro_roc is not None]
    return all_rocs_figure(trials, [result.class_rocs for result in ranked], dark)


def _examples(answer: Answer) -> Iterator[Figure]:
    """Sheets of images that the best trial named right, of every class in turn, and of its surest mistakes."""
    predictions = predictions_of(answer.best, answer)
    images = test_images(answer, predictions)
    if images is None:
        return
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

    def sheet(rows: NDArray[np.intp], dark: bool) -> Drawing:
        captions = [
            drawable(predictions.classes[labels[row]])
            if is_right[row]
            else read_and_actual(predictions.classes[predicted[row]], predictions.classes[labels[row]])
            for row in rows
        ]
        return character_sheet(images.images[rows], captions, dark=dark)

    for name, rows in chosen.items():
        if len(rows):
            yield Figure(name, f"Images that were named {name}", partial(sheet, rows))


def _layers(result: Result) -> Draw:
    from kuzushiji.inference.weights import outline_network
    from kuzushiji.plots.layers import layer_figure

    config = result.runs[0].config
    return partial(layer_figure, outline_network(config), config.model.image_size)
