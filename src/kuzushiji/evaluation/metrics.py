"""`evaluate`: from predictions to every number that a result is judged by, each with an interval.

Conventions, where they are a matter of choice:

- Precision, recall and F1 are scikit-learn's: the macro averages run over the classes that occur as a label or
  as a prediction, and 0/0 counts as 0 in them.  In the list of classes 0/0 is NaN (null in JSON): the recall of
  a class without images, the precision of a class that was never predicted.
- Balanced accuracy is the mean recall of the classes that have images.  It equals macro recall unless a class
  was predicted that has none.
- Top-5 breaks ties as scikit-learn does: among equal logits the class with the higher index stands first.
- AUC is one class against the rest, by softmax probability in float64.  Classes without images have none and
  are left out of its averages.  The average weighted by inverse frequency weighs each class by one over its
  number of *training* images, as in medina325/kuzushiji-character-recognition (twelve networks on
  Kuzushiji-49); where those numbers are not given, by one over its number of evaluated images.
- The share of images and of top-5 answers that are right have Wilson's interval, which holds for 7 images and for 0 of
  45 too; the averages have the bootstrap's, and Wilson's where it can't tell (`bootstrap_interval`).
- The baseline is what is right without looking: always naming the class that is most frequent among the training
  images, or among the evaluated ones where those numbers are not given.
- The loss is cross-entropy in nats, and not clipped: scikit-learn's log_loss stops at 36 an image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kuzushiji.errors import DataError
from kuzushiji.evaluation.bootstrap import (
    Estimate,
    bootstrap_estimate,
    bootstrap_interval,
    check_interval,
    mean_of_defined,
    resampled,
    sums_by_class,
    wilson_estimate,
    wilson_interval,
)
from kuzushiji.evaluation.confusions import Mistakes, list_mistakes
from kuzushiji.evaluation.roc import areas_with_replicates
from kuzushiji.records import as_plain, from_plain
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import Run, as_predictions, find_run

TOP = 5

FREQUENCIES = (0, 1, 10, 100, 1000)
"""Numbers of training images at which a group of classes begins whose accuracy is told apart."""


@dataclass(frozen=True)
class ClassScores:
    """How one class fared.

    Attributes:
        character: the class.
        support: its images.
        predicted: images taken for it, rightly or wrongly.
        precision: share of what was taken for it that is it.
        recall: share of it that was taken for it.
        f1: harmonic mean of the two.
        auc: area under its ROC curve.

    Precision and recall have Wilson's interval, F1 the one that follows from Wilson's for the share of right ones
    among all that are it or were taken for it; these hold for few images too.  AUC has the bootstrap's, and none
    where there is a single image.
    """

    character: str
    support: int
    predicted: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    auc: Estimate


@dataclass(frozen=True)
class FrequencyGroup:
    """How the classes fared that have about as many training images, to tell the long tail apart.

    Attributes:
        at_least: their least number of training images, one of `FREQUENCIES`; the next of these is too many.
        classes: classes of the group that have images.
        count: images of these classes.
        accuracy: share of the images that were named right, with Wilson's interval.
        balanced_accuracy: mean recall of the classes.
    """

    at_least: int
    classes: int
    count: int
    accuracy: Estimate
    balanced_accuracy: Estimate

    @property
    def title(self) -> str:
        """The numbers of training images, such as `1 to 9`."""
        return frequency_title(self.at_least)


def frequency_title(at_least: int) -> str:
    """The numbers of training images that begin with one of `FREQUENCIES` and end before the next, such as `1 to 9`."""
    following = FREQUENCIES.index(at_least) + 1
    if following == len(FREQUENCIES):
        return f"{at_least:,} or more"
    last = FREQUENCIES[following] - 1
    return f"{at_least:,} to {last:,}" if last > at_least else f"{at_least:,}"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What `evaluate` found.  All but the loss run from 0 to 1.

    Attributes:
        dataset: name of the dataset.
        split: `test`, `validation`, ...
        count: number of images.
        present: number of classes that have an image.
        confidence: of every interval.
        replicates: bootstrap replicates behind the intervals.
        inverse_frequency_of: whose class counts weigh `auc_inverse_frequency`: `train` or `evaluated`.
        loss: cross-entropy, nats an image.
        accuracy: share of images whose greatest logit is that of their class.
        balanced_accuracy: mean recall of the classes that have images.
        top5_accuracy: share of images whose class is among the five greatest logits; 1 for five classes or fewer.
        macro_precision: mean over classes.
        macro_recall: mean over classes.
        macro_f1: mean over classes.
        auc_macro: area under the ROC curve, mean over classes.
        auc_weighted: the same, weighted by support.
        auc_inverse_frequency: the same, weighted by one over the number of (training) images of the class.
        by_frequency: classes by their number of training images, the rarest first; empty where that is not known.
        per_class: one entry a class, in the order of the labels.
        confusion: int64 (C, C), true class by predicted class.
        baseline: the accuracy of always naming the most frequent class, `baseline_class`; NaN in files of before.
    """

    dataset: str
    split: str
    count: int
    present: int
    confidence: float
    replicates: int
    inverse_frequency_of: str
    loss: Estimate
    accuracy: Estimate
    balanced_accuracy: Estimate
    top5_accuracy: Estimate
    macro_precision: Estimate
    macro_recall: Estimate
    macro_f1: Estimate
    auc_macro: Estimate
    auc_weighted: Estimate
    auc_inverse_frequency: Estimate
    by_frequency: tuple[FrequencyGroup, ...]
    per_class: tuple[ClassScores, ...]
    confusion: NDArray[np.int64]
    baseline: float = nan
    baseline_class: str = ""

    @property
    def classes(self) -> tuple[str, ...]:
        """The characters, in the order of the labels."""
        return tuple(scores.character for scores in self.per_class)

    def worst_classes(self, n: int = 5) -> list[int]:
        """Labels of the classes whose recall is surely lowest, the worst first.

        They are ordered by the upper end of the recall's interval, so that one missed image of a rare class does
        not outweigh a hundred of a common one.
        """
        seen = [label for label, scores in enumerate(self.per_class) if scores.support]
        return sorted(seen, key=lambda label: (self.per_class[label].recall.high, -self.per_class[label].support))[:n]

    def mistakes(self) -> list[Mistakes]:
        """What each class that has images was taken for: the class with the most mistakes first, and among equals
        the one with the fewest images."""
        return list_mistakes(self.confusion, self.classes)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON has it: NaN becomes None; of the confusion matrix, the cells that are not 0 as
        [true, predicted, count]."""
        true, predicted = np.nonzero(self.confusion)
        cells = np.stack([true, predicted, self.confusion[true, predicted]], axis=1)
        return as_plain(replace(self, confusion=cells))

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "Evaluation":
        """Reads what `to_dict` gave.

        Raises:
            DataError: it is something else, or of another version.
        """
        read = from_plain(written, cls)
        confusion = np.zeros((len(read.per_class),) * 2, dtype=np.int64)
        try:
            true, predicted, counts = read.confusion.reshape(-1, 3).T
            confusion[true, predicted] = counts
        except (ValueError, IndexError) as error:
            raise DataError(f"confusion is no list of [true, predicted, count] ({error})") from None
        return replace(read, confusion=confusion)


def evaluate(
    what: Predictions | Run | str | Path,
    *,
    on: str = "test",
    train_counts: ArrayLike | None = None,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Measures predictions, or those of a run.

    The intervals of the averages are bootstrapped over the images: the same number of images is drawn with
    replacement `replicates` times, and each draw is measured as the whole was (`bootstrap_interval`).

    Args:
        what: logits and labels of N images of C classes; or a run, its name or its path.
        on: of a run, which predictions: `test`, `validation`, or `NAME-SPLIT` of other data that was predicted.
        train_counts: (C,), training images of each class, for `by_frequency` and `auc_inverse_frequency`; a run knows
            its own.  A class with none is left out of that average.
        confidence: share of such intervals that should hold the true value, between 0 and 1.
        replicates: 0 gives the averages no intervals.
        seed: of the draws.

    Raises:
        DataError: there are no predictions, logits are not finite, labels or counts do not fit the classes.
        UsageError: confidence or replicates out of range, or there is no such run.

    Example:
        >>> evaluate("resnet-kmnist").accuracy                                          # doctest: +SKIP
        Estimate(value=0.9543, low=0.9501, high=0.9583)
    """
    predictions = as_predictions(what, on)
    if train_counts is None and not isinstance(what, Predictions):
        train_counts = find_run(what).config.train_counts or None
    predictions.check()
    check_interval(confidence, replicates)
    labels, predicted = predictions.labels.astype(np.int64), predictions.predicted
    count, classes = predictions.logits.shape
    of_images = {
        "loss": _cross_entropies(predictions, labels),
        "accuracy": (predicted == labels).astype(np.float64),
        "top5_accuracy": (_ranks(predictions.logits, labels) < TOP).astype(np.float64),
    }
    confusion = np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)
    hits, support, taken = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    trained = None if train_counts is None else _checked_counts(train_counts, classes)
    class_weights = _inverse(support if trained is None else trained)

    # A single image can only be drawn again: it has no interval.
    drawn = resampled(count, replicates if count > 1 else 0, seed)
    areas, drawn_areas = areas_with_replicates(predictions.probabilities, labels, drawn)
    drawn_hits = sums_by_class(drawn, labels, classes, of_images["accuracy"])
    drawn_support, drawn_taken = (sums_by_class(drawn, each, classes) for each in (labels, predicted))
    drawn_means = {
        name: np.array([(times * numbers).sum() for times in drawn]) / count for name, numbers in of_images.items()
    }
    means = {name: numbers.mean() for name, numbers in of_images.items()}
    values = means | _averages(hits, support, taken, areas, class_weights)
    drawn_values = drawn_means | _averages(drawn_hits, drawn_support, drawn_taken, drawn_areas, class_weights)
    estimates = {
        name: bootstrap_estimate(value, drawn_values[name], confidence, images=count)
        for name, value in values.items()
        if name != "loss"
    }
    if len(drawn):
        for name in ("accuracy", "top5_accuracy"):
            estimates[name] = wilson_estimate(of_images[name].sum(), count, confidence)
    most = int((support if trained is None else trained).argmax())
    return Evaluation(
        dataset=predictions.dataset,
        split=predictions.split,
        count=count,
        present=int((support > 0).sum()),
        confidence=confidence,
        replicates=len(drawn),
        inverse_frequency_of="evaluated" if train_counts is None else "train",
        by_frequency=()
        if trained is None
        else _by_frequency(trained, hits, support, drawn_hits, drawn_support, confidence),
        per_class=_class_scores(predictions.classes, hits, support, taken, areas, drawn_areas, confidence),
        confusion=confusion,
        baseline=float(support[most] / count),
        baseline_class=predictions.classes[most],
        loss=bootstrap_estimate(means["loss"], drawn_values["loss"], confidence, high=np.inf),
        **estimates,
    )


def _checked_counts(train_counts: ArrayLike, classes: int) -> NDArray[np.int64]:
    counts = np.asarray(train_counts)
    if counts.shape != (classes,) or counts.dtype.kind not in "iu" or counts.min() < 0:
        raise DataError(
            f"train_counts must be {classes} whole numbers from 0, one a class; found {counts.dtype} {counts.shape}"
        )
    return counts


def _cross_entropies(predictions: Predictions, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """-log of the probability of the true class, (N,)."""
    rows, predicted = np.arange(len(labels)), predictions.predicted
    greatest = predictions.logits[rows, predicted].astype(np.float64)
    # The greatest probability is 1 / sum(exp(logits - greatest)), which saves summing again.
    return greatest - predictions.logits[rows, labels] - np.log(predictions.probabilities[rows, predicted])


def _ranks(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many classes stand before the true one, (N,)."""
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    tied_before = (logits == own) & (np.arange(logits.shape[1]) > labels[:, None])
    return (logits > own).sum(axis=1) + tied_before.sum(axis=1)


def _averages(
    hits: NDArray, support: NDArray, taken: NDArray, areas: NDArray, class_weights: NDArray
) -> dict[str, NDArray[np.float64]]:
    """Every average over classes, (...,), from counts and areas of each class, (..., C)."""
    recall = _ratio(hits, support, 0.0)
    occurring = (support + taken) > 0
    return {
        "balanced_accuracy": mean_of_defined(recall, support > 0),
        "macro_precision": mean_of_defined(_ratio(hits, taken, 0.0), occurring),
        "macro_recall": mean_of_defined(recall, occurring),
        "macro_f1": mean_of_defined(_ratio(2 * hits, support + taken, 0.0), occurring),
        "auc_macro": mean_of_defined(areas),
        "auc_weighted": mean_of_defined(areas, support),
        "auc_inverse_frequency": mean_of_defined(areas, class_weights),
    }


def _ratio(numerator: NDArray, denominator: NDArray, otherwise: float) -> NDArray[np.float64]:
    """The quotient, and `otherwise` where the denominator is 0."""
    result = np.full(np.shape(denominator), otherwise)
    return np.divide(numerator, denominator, out=result, where=denominator != 0)


def _inverse(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return _ratio(np.ones(len(counts)), counts, 0.0)


def _by_frequency(
    trained: NDArray[np.int64],
    hits: NDArray[np.int64],
    support: NDArray[np.int64],
    drawn_hits: NDArray[np.float64],
    drawn_support: NDArray[np.float64],
    confidence: float,
) -> tuple[FrequencyGroup, ...]:
    recall, drawn_recall = _ratio(hits, support, nan), _ratio(drawn_hits, drawn_support, nan)
    group_of = np.digitize(trained, FREQUENCIES) - 1
    groups = []
    for number, least in enumerate(FREQUENCIES):
        group = (group_of == number) & (support > 0)
        if not group.any():
            continue
        right, count = int(hits[group].sum()), int(support[group].sum())
        balanced = recall[group].mean()
        drawn = mean_of_defined(drawn_recall[:, group])
        groups.append(
            FrequencyGroup(
                at_least=least,
                classes=int(group.sum()),
                count=count,
                accuracy=wilson_estimate(right, count, confidence),
                balanced_accuracy=bootstrap_estimate(balanced, drawn, confidence, images=count),
            )
        )
    return tuple(groups)


def _class_scores(
    classes: Sequence[str],
    hits: NDArray[np.int64],
    support: NDArray[np.int64],
    taken: NDArray[np.int64],
    areas: NDArray[np.float64],
    drawn_areas: NDArray[np.float64],
    confidence: float,
) -> tuple[ClassScores, ...]:
    # F1 = 2 J / (1 + J), J being the share of hits among all that are of the class or were taken for it.
    shares = wilson_interval(hits, support + taken - hits, confidence)
    area_ends = bootstrap_interval(areas, drawn_areas, confidence, images=np.minimum(support, support.sum() - support))
    for ends in area_ends:
        ends[support < 2] = nan
    columns = (
        (_ratio(hits, taken, nan), *wilson_interval(hits, taken, confidence)),
        (_ratio(hits, support, nan), *wilson_interval(hits, support, confidence)),
        (_ratio(2 * hits, support + taken, nan), *(2 * share / (1 + share) for share in shares)),
        (areas, *area_ends),
    )
    estimates = (map(_estimate, *column) for column in columns)
    return tuple(map(ClassScores, classes, support.tolist(), taken.tolist(), *estimates))


def _estimate(value: SupportsFloat, low: SupportsFloat, high: SupportsFloat) -> Estimate:
    return Estimate(float(value), float(low), float(high))
