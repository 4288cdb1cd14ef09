"""Selective prediction: what is gained where a network answers only when it is sure, and passes on the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from kuzushiji.evaluation.bootstrap import Estimate, bootstrap_estimates

COVERAGES = (0.95, 0.99)
ACCURACIES = (0.99, 0.999)

CURVE_POINTS = 200

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CurvePoint:
    """A point of the risk-coverage curve: of the surest `coverage` of the answers, the share `risk` is wrong."""

    coverage: float
    risk: Estimate


@dataclass(frozen=True)
class Selective:
    """What answering only the surest gains; the fields are those of `Calibration`."""

    aurc: Estimate
    excess_aurc: Estimate
    accuracy_at_coverage: Mapping[float, Estimate]
    coverage_at_accuracy: Mapping[float, Estimate]
    curve: tuple[CurvePoint, ...]


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """What answering only the surest gains.  Answers that are equally sure are taken in together.

    Attributes:
        answered: (K,), how many answers are as sure as the k-th certainty or surer, rising to N.
        wrong: (K,), how many of them are wrong.
    """

    answered: Floats
    wrong: Floats

    @property
    def count(self) -> int:
        """All answers, N."""
        return int(self.answered[-1])

    def wrong_among(self, surest: NDArray[np.int64]) -> Floats:
        """The expected number of wrong answers among the surest 1, 2, ... of them."""
        return np.interp(surest, np.append(0, self.answered), np.append(0, self.wrong))

    def area(self) -> float:
        """AURC: the share of wrong answers among the surest k, mean over k = 1 ... N.

        Source:
            Geifman, Uziel and El-Yaniv, Bias-reduced uncertainty estimation for deep neural classifiers (ICLR 2019),
            arXiv:1805.08206.
        """
        every = np.arange(1, self.count + 1)
        return float((self.wrong_among(every) / every).mean())

    def excess_area(self) -> float:
        """AURC less that of the best order, in which every wrong answer comes after every right one."""
        wrong = round(float(self.wrong[-1]))
        first = np.arange(1, wrong + 1)
        best = (first / (self.count - wrong + first)).sum() / self.count
        return max(0.0, self.area() - float(best))

    def accuracy_at(self, coverage: float) -> float:
        """Share of right answers among the surest ones that make up at least this share of all."""
        surest = max(1, ceil(coverage * self.count - 1e-9))
        return 1 - float(self.wrong_among(np.array([surest]))[0]) / surest

    def coverage_at(self, accuracy: float) -> float:
        """The greatest share of answers that a threshold can take with at least this share of right ones; 0 if none."""
        enough = self.wrong <= (1 - accuracy) * self.answered + 1e-9
        return float(self.answered[enough].max(initial=0)) / self.count


def risk_coverage(certainty: Floats, right: NDArray[np.bool_], times: NDArray | None = None) -> RiskCoverage:
    """The risk-coverage curve.

    Args:
        certainty: (N,), probability of each answer, or anything else that rises with certainty.
        right: (N,), which answers are right.
        times: (N,), how often each image was drawn; once if None.

    Source:
        El-Yaniv and Wiener, On the foundations of noise-free selective classification (JMLR 11, 2010).
    """
    order, ends = _descending(certainty)
    return _risk_coverage(order, ends, ~right, np.ones(len(right)) if times is None else times)


def _descending(certainty: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The order from the surest on, and where in it each certainty ends."""
    order = np.argsort(-certainty, kind="stable")
    return order, np.flatnonzero(np.append(np.diff(certainty[order]) != 0, True))


def _risk_coverage(
    order: NDArray[np.intp], ends: NDArray[np.intp], wrong: NDArray[np.bool_], times: NDArray
) -> RiskCoverage:
    drawn = times[order].astype(np.float64)
    answered, failed = np.cumsum(drawn)[ends], np.cumsum(drawn * wrong[order])[ends]
    return RiskCoverage(answered, failed)


def measure_selective(
    certainty: Floats, right: NDArray[np.bool_], drawn: NDArray[np.uint8], confidence: float
) -> Selective:
    """What answering only the surest gains, with intervals.

    Args:
        certainty, right: as in `risk_coverage`.
        drawn: (R, N), how often each image was drawn in each replicate.
        confidence: of the intervals.
    """
    order, ends = _descending(certainty)
    count = len(right)
    points = np.unique(np.ceil(np.linspace(0, 1, CURVE_POINTS + 1)[1:] * count).astype(np.int64))

    def measured(times: NDArray) -> list[float]:
        curve = _risk_coverage(order, ends, ~right, times)
        return [
            curve.area(),
            curve.excess_area(),
            *(curve.accuracy_at(coverage) for coverage in COVERAGES),
            *(curve.coverage_at(accuracy) for accuracy in ACCURACIES),
            *(curve.wrong_among(points) / points),
        ]

    replicates = np.array([measured(times) for times in drawn])
    shares = [np.ceil(coverage * count) for coverage in COVERAGES] + [count] * len(ACCURACIES)
    images = np.array([0, 0, *shares, *points])  # areas are no shares
    aurc, excess_aurc, *others = bootstrap_estimates(measured(np.ones(count)), replicates, confidence, images=images)
    risks = others[len(COVERAGES) + len(ACCURACIES) :]
    return Selective(
        aurc,
        excess_aurc,
        accuracy_at_coverage=dict(zip(COVERAGES, others, strict=False)),
        coverage_at_accuracy=dict(zip(ACCURACIES, others[len(COVERAGES) :], strict=False)),
        curve=tuple(CurvePoint(float(point) / count, risk) for point, risk in zip(points, risks, strict=True)),
    )
