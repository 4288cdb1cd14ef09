"""How far a network's certainty can be trusted, and what is gained by passing on what it is unsure of.

The certainty of an answer is the probability that the network gives to it.  It is calibrated if, of the answers of
which it is 90 % sure, 90 % are right.  A network rarely is; dividing its logits by one number, the temperature, brings
it near, without changing an answer (`fit_temperature`).

Conventions, where they are a matter of choice:

- The expected calibration error has 15 bins of equal width, each open below and closed above, as in Guo et al.;
  `adaptive_ece` has 15 bins of as nearly equal numbers of images as ties of certainty let them have.
- The Brier score is the sum over all classes of (probability - truth)^2, from 0 to 2, mean of the images.
- Where answers are equally sure, any order of them is as good as another: the risk at a coverage that takes in a part
  of them is the expected one, and no threshold on the certainty can divide them.
- Answers are ranked by the probability before the temperature.
- All is measured on the evaluated images but the temperature, which is fitted on validation images and is taken as
  given by the intervals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.errors import UsageError
from kuzushiji.evaluation.bootstrap import Estimate, bootstrap_estimate, check_interval, resampled, wilson_estimate
from kuzushiji.evaluation.selective import CurvePoint, measure_selective
from kuzushiji.evaluation.temperature import fit_temperature, scaled
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import Run, as_predictions, find_run

BINS = 15
REPLICATES_AT_ONCE = 256

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """The answers of about the same certainty, one bar of a reliability diagram.

    Attributes:
        low, high: the certainties that it takes, `low` not among them.
        count: images in it.
        certainty: their mean certainty; NaN without images.
        accuracy: share of them that were named right, with Wilson's interval; NaN without images.
    """

    low: float
    high: float
    count: int
    certainty: float
    accuracy: Estimate


@dataclass(frozen=True)
class Reliability:
    """How well probabilities tell what comes true.

    Attributes:
        ece: expected calibration error: by how far certainty and share of right answers differ, mean of the images.
        adaptive_ece: the same with bins of equal numbers of images.
        loss: cross-entropy (negative log-likelihood), nats an image.
        brier: Brier score, 0 to 2.
        bins: the reliability diagram, `BINS` bars of equal width.
    """

    ece: Estimate
    adaptive_ece: Estimate
    loss: Estimate
    brier: Estimate
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Calibration:
    """How far certainty can be trusted on one set of images.

    Attributes:
        count: number of images.
        confidence: of every interval.
        replicates: bootstrap replicates behind the intervals.
        temperature: by which the logits are divided; NaN where none could be fitted.
        fitted_on: number of validation images that it was fitted on; 0 if there were none.
        before: the probabilities as the network gives them.
        after: those after the logits were divided by the temperature; None where there is none.
        aurc: area under the risk-coverage curve: the share of wrong answers among the surest k, mean over every k.
        excess_aurc: what of it is left when every wrong answer is less sure than every right one, taken off.
        accuracy_at_coverage: coverage -> share of right answers among the surest ones that make it up.
        coverage_at_accuracy: accuracy -> the greatest share of the images that a threshold on the certainty can take
            with so large a share of right answers among them; 0 where no threshold can.  The threshold is the best for
            these very images: one that was chosen on others takes fewer, or makes more mistakes.
        curve: the risk-coverage curve.
    """

    count: int
    confidence: float
    replicates: int
    temperature: float
    fitted_on: int
    before: Reliability
    after: Reliability | None
    aurc: Estimate
    excess_aurc: Estimate
    accuracy_at_coverage: Mapping[float, Estimate]
    coverage_at_accuracy: Mapping[float, Estimate]
    curve: tuple[CurvePoint, ...]


def calibrate(
    what: Predictions | Run | str | Path,
    validation: Predictions | None = None,
    *,
    on: str = "test",
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> Calibration:
    """Measures how far the certainty of predictions can be trusted, before and after temperature scaling.

    Args:
        what: logits and labels of N images of C classes; or a run, its name or its path.
        validation: predictions of the same network and other images, for the temperature; a run's own if None.  Without
            them, or if they are empty or cannot tell it (`fit_temperature`), there is no `after`.
        on: of a run, which predictions: `test`, or `NAME-SPLIT` of other data that was predicted.  What was predicted
            with test-time augmentation (`-tta`) needs validation images that were so too.
        confidence, replicates, seed: of the intervals, as in `evaluate`.

    Raises:
        DataError: there are no predictions, logits are not finite, or labels are none.
        UsageError: confidence or replicates out of range, or the validation predictions are of other classes.

    Example:
        >>> calibrate("resnet-kmnist").temperature                                      # doctest: +SKIP
        1.19
    """
    predictions = as_predictions(what, on)
    if validation is None and not isinstance(what, Predictions):
        run, alike = find_run(what), "validation-tta" if on.endswith("-tta") else "validation"
        validation = run.predictions(alike) if run.predictions_file(alike).exists() else None
    predictions.check()
    check_interval(confidence, replicates)
    temperature, fitted_on = nan, 0
    if validation is not None and len(validation):
        if validation.classes != predictions.classes:
            raise UsageError("the validation predictions are of other classes: they are not of the same network")
        temperature, fitted_on = fit_temperature(validation), len(validation)
    count = len(predictions)
    drawn = resampled(count, replicates if count > 1 else 0, seed)
    right = predictions.predicted == predictions.labels
    plain = _measured(predictions)
    before = _reliability(plain, right, drawn, confidence)
    after = None
    if not isnan(temperature):
        after = _reliability(_measured(scaled(predictions, temperature)), right, drawn, confidence)
    return Calibration(
        count=count,
        confidence=confidence,
        replicates=len(drawn),
        temperature=temperature,
        fitted_on=fitted_on,
        before=before,
        after=after,
        **vars(measure_selective(plain.certainty, right, drawn, confidence)),
    )


@dataclass(frozen=True, eq=False)
class _Measured:
    """Of each image, (N,): probability of the answer, cross-entropy, Brier score."""

    certainty: Floats
    loss: Floats
    brier: Floats


def _measured(predictions: Predictions) -> _Measured:
    found = np.empty((3, len(predictions)))
    start = 0
    for logits, labels in predictions.blocks():
        logits -= logits.max(axis=1, keepdims=True)
        probabilities = np.exp(logits)
        total = probabilities.sum(axis=1)
        probabilities /= total[:, None]
        rows = np.arange(len(labels))
        own = probabilities[rows, labels]
        some = slice(start, start := start + len(labels))
        found[0, some] = probabilities.max(axis=1)
        found[1, some] = np.log(total) - logits[rows, labels]
        found[2, some] = (probabilities**2).sum(axis=1) - 2 * own + 1
    return _Measured(*found)


def equal_width_edges(bins: int = BINS) -> Floats:
    """Edges of bins of equal width between 0 and 1, (bins + 1,)."""
    return np.linspace(0, 1, bins + 1)


def equal_mass_edges(certainty: Floats, bins: int = BINS) -> Floats:
    """Edges of bins with as nearly equal numbers of images as ties allow, at most (bins + 1,)."""
    inner = np.quantile(certainty, np.arange(1, bins) / bins, method="inverted_cdf")
    return np.unique(np.concatenate([[0.0], inner, [1.0]]))


def reliability_curve(
    certainty: Floats, right: NDArray[np.bool_], edges: Floats, confidence: float = 0.95
) -> tuple[Bin, ...]:
    """The reliability diagram.

    Args:
        certainty: (N,), probability of each answer.
        right: (N,), which answers are right.
        edges: of the bins, rising from 0 to 1.
        confidence: of Wilson's interval of each accuracy.
    """
    place = _places(certainty, edges)
    bins = len(edges) - 1
    count = np.bincount(place, minlength=bins)
    hits = np.bincount(place, right, bins)
    sums = np.bincount(place, certainty, bins)
    return tuple(
        Bin(
            low=float(low),
            high=float(high),
            count=int(images),
            certainty=float(certain / images) if images else nan,
            accuracy=wilson_estimate(right_ones, images, confidence),
        )
        for low, high, images, right_ones, certain in zip(edges, edges[1:], count, hits, sums, strict=False)
    )


def expected_calibration_error(certainty: Floats, right: NDArray[np.bool_], edges: Floats) -> float:
    """Difference of mean certainty and share of right answers of each bin, mean over the images.

    Args:
        certainty, right, edges: as in `reliability_curve`.
    """
    gaps = np.bincount(_places(certainty, edges), certainty - right, len(edges) - 1)
    return float(np.abs(gaps).sum() / len(certainty))


def _places(certainty: Floats, edges: Floats) -> NDArray[np.intp]:
    """The bin of each certainty."""
    return np.searchsorted(edges[1:-1], certainty, side="left")


def _reliability(
    measured: _Measured, right: NDArray[np.bool_], drawn: NDArray[np.uint8], confidence: float
) -> Reliability:
    certainty, count = measured.certainty, len(right)
    kinds = {"ece": equal_width_edges(), "adaptive_ece": equal_mass_edges(certainty)}
    # A column for the gap of each bin, and for each mean.
    columns = [measured.loss[:, None], measured.brier[:, None]]
    for edges in kinds.values():
        gaps = np.zeros((count, len(edges) - 1))
        gaps[np.arange(count), _places(certainty, edges)] = certainty - right
        columns.append(gaps)
    joined = np.concatenate(columns, axis=1)
    sums = np.empty((len(drawn), joined.shape[1]))
    for start in range(0, len(drawn), REPLICATES_AT_ONCE):
        some = slice(start, start + REPLICATES_AT_ONCE)
        sums[some] = drawn[some].astype(np.float64) @ joined / count
    loss, brier, *gap_sums = np.split(sums, np.cumsum([part.shape[1] for part in columns])[:-1], axis=1)
    errors = {
        name: bootstrap_estimate(
            expected_calibration_error(certainty, right, edges), np.abs(part).sum(axis=1), confidence
        )
        for (name, edges), part in zip(kinds.items(), gap_sums, strict=True)
    }
    return Reliability(
        **errors,
        loss=bootstrap_estimate(measured.loss.mean(), loss[:, 0], confidence, high=np.inf),
        brier=bootstrap_estimate(measured.brier.mean(), brier[:, 0], confidence, high=2.0),
        bins=reliability_curve(certainty, right, equal_width_edges(), confidence),
    )
