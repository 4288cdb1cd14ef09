"""Whether it could be chance: tests of paired differences, their correction for being many, rank correlation."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import lgamma, log, nan

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kuzushiji.errors import UsageError

PERMUTATIONS = 20_000


@dataclass(frozen=True)
class RankCorrelation:
    """How far two orders agree.

    Attributes:
        value: Spearman's coefficient, from -1 (reversed) to 1 (the same order).
        p_value: how often orders at random agree or disagree so much.
        count: how many were ranked.
    """

    value: float
    p_value: float
    count: int


def sign_flip_test(differences: ArrayLike) -> float:
    """Two-sided p-value of paired differences whose signs would be tosses of a coin if there were no difference.

    It is exact: the distribution of the sum over all ways to flip the signs is computed, not drawn.  Where the
    differences are -1, 0 and 1 it is McNemar's exact test.

    Args:
        differences: whole numbers, one an image.

    Source:
        Q. McNemar, Psychometrika 12 (1947); exact by the binomial distribution.
    """
    values = np.asarray(differences, dtype=np.int64)
    sizes, counts = np.unique(np.abs(values[values != 0]), return_counts=True)
    if not len(sizes):
        return 1.0
    # The sum is twice what the positive ones amount to, less the sum of all sizes.
    chances = np.ones(1)
    for size, number in zip(sizes.tolist(), counts.tolist(), strict=True):
        stretched = np.zeros(size * number + 1)
        stretched[::size] = _coin_tosses(number)
        chances = np.convolve(chances, stretched)
    total = int((sizes * counts).sum())
    as_extreme = np.abs(2 * np.arange(total + 1) - total) >= abs(int(values.sum()))
    return float(min(1.0, chances[as_extreme].sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for being many, so that the chance of any false alarm among them stays at the level.

    Source:
        S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979).
    """
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty(len(order))
    steps = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values, dtype=np.float64)[order] * steps))
    return corrected.tolist()


def rank_correlation(first: Sequence[float], second: Sequence[float], seed: int = 0) -> RankCorrelation:
    """Spearman's rank correlation of two lists of numbers about the same things; equal numbers share their rank.

    Args:
        first, second: the numbers, in the same order.
        seed: of the permutations behind the p-value.

    Raises:
        UsageError: the lists have not the same length, or fewer than three entries.
    """
    if len(first) != len(second) or len(first) < 3:
        raise UsageError(
            f"a rank correlation needs two lists of the same three or more, found {len(first)} and {len(second)}"
        )
    ranks = np.stack([_ranks(first), _ranks(second)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    norm = np.sqrt((ranks**2).sum(axis=1)).prod()
    if norm == 0:
        return RankCorrelation(nan, nan, len(first))
    value = float(ranks[0] @ ranks[1] / norm)
    generator = np.random.default_rng(seed)
    drawn = generator.permuted(np.tile(ranks[0], (PERMUTATIONS, 1)), axis=1) @ ranks[1] / norm
    extreme = (np.abs(drawn) >= abs(value) - 1e-12).sum()
    return RankCorrelation(value, float((1 + extreme) / (1 + PERMUTATIONS)), len(first))


def _coin_tosses(count: int) -> NDArray[np.float64]:
    """Chances of 0, 1, ..., count heads in so many tosses of a fair coin."""
    heads = np.arange(count + 1)
    logs = np.array([lgamma(each + 1) for each in range(count + 1)])
    return np.exp(logs[count] - logs[heads] - logs[count - heads] - count * log(2))


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, counts = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]
