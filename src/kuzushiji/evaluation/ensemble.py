"""What several networks say together, from their predictions alone, and how much each should have to say."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.errors import UsageError
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import Run, as_predictions

AVERAGES = ("probabilities", "logits")

SMALLEST = np.finfo(np.float64).tiny
"""Of what a network holds for impossible, no logarithm exists; it counts as so improbable."""

VALUES_AT_ONCE = 2**22

LossAndSlope = Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]


def ensemble(
    members: Sequence[Predictions | Run | str | Path],
    *,
    weights: Sequence[float] | None = None,
    average: str = "probabilities",
    on: str = "test",
) -> Predictions:
    """What several networks say together: the mean of their probabilities, or of their logits.

    Args:
        members: predictions of the same images, one a network; or runs, their names or their paths.
        weights: of each, not negative, their sum above 0; all the same if None.
        average: `probabilities`, by which an answer counts that one is sure of (a mixture), or `logits`, by which one
            that another holds for impossible does not (a product of experts).
        on: of runs, which predictions: `test`, `validation`, or `NAME-SPLIT` of other data that was predicted.

    Returns:
        Predictions whose softmax is the mean of the probabilities, or whose logits are the mean logits.

    Raises:
        UsageError: there are none, or they are of different images, or the weights are none.
        DataError: a run has no such predictions.

    Example:
        >>> evaluate(ensemble(["lenet5", "alexnet"])).accuracy.value                    # doctest: +SKIP
        0.9687
    """
    if isinstance(members, str | Path | Run | Predictions) or not isinstance(members, Iterable):
        raise UsageError(f"the members are {members!r:.80}; expected a list of them")
    said = [as_predictions(member, on) for member in members]
    check_same_images(said)
    _check_average(average)
    shares = _shares(weights, len(said))
    if average == "logits":
        mean = sum(share * each.logits.astype(np.float64) for share, each in zip(shares, said, strict=True))
    else:
        mean = sum(share * each.probabilities for share, each in zip(shares, said, strict=True))
        mean = np.log(np.maximum(mean, SMALLEST))
    return replace(said[0], logits=np.asarray(mean, dtype=np.float32), config_fingerprint="")


def fit_weights(members: Sequence[Predictions], *, average: str = "probabilities") -> NDArray[np.float64]:
    """The weights under which an ensemble has the least cross-entropy.

    It is convex in them, so that there is one minimum, which is found by sequential quadratic programming.

    Args:
        members: predictions of the same validation images, one a network.
        average: as in `ensemble`.

    Returns:
        (M,), not negative, summing to 1.

    Raises:
        UsageError: as in `ensemble`.
        DataError: there are no images, logits are not finite, or labels are none.
    """
    from scipy.optimize import minimize

    check_same_images(members)
    for member in members:
        member.check()
    _check_average(average)
    loss = _mixture_loss if average == "probabilities" else _product_loss
    count = len(members)
    found = minimize(
        loss(members),
        np.full(count, 1 / count),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": lambda weights: np.ones(count)},
        options={"ftol": 1e-10, "maxiter": 200},
    )
    return _shares(np.clip(found.x, 0, 1), count)


def shared_images(members: Sequence[Predictions]) -> list[Predictions]:
    """The predictions of the images that all members predicted, in one order.

    Runs with different seeds set different images apart for validation; what they share none of them has learnt from.

    Raises:
        UsageError: there are no members, or they are of different classes.
    """
    if not members:
        raise UsageError("an ensemble needs at least one member")
    ids = members[0].ids
    for member in members[1:]:
        if member.classes != members[0].classes:
            raise UsageError(_differ(members[0], member))
        ids = np.intersect1d(ids, member.ids)
    shared = []
    for member in members:
        places = np.flatnonzero(np.isin(member.ids, ids))
        places = places[np.argsort(member.ids[places], kind="stable")]
        shared.append(
            replace(member, logits=member.logits[places], labels=member.labels[places], ids=member.ids[places])
        )
    return shared


def check_same_images(members: Sequence[Predictions]) -> None:
    """Raises a UsageError if there are no members, or they are not predictions of the same images and classes."""
    if not members:
        raise UsageError("an ensemble needs at least one member")
    first = members[0]
    for member in members[1:]:
        same = first.classes == member.classes and np.array_equal(first.ids, member.ids)
        if not same or not np.array_equal(first.labels, member.labels):
            raise UsageError(_differ(first, member))


def _check_average(average: str) -> None:
    if average not in AVERAGES:
        raise UsageError(f"there is no average {average!r}; known: {', '.join(AVERAGES)}")


def _differ(first: Predictions, second: Predictions) -> str:
    one, other = (
        f"{len(each):,} of {each.dataset} ({each.split}) of {len(each.classes):,} classes" for each in (first, second)
    )
    return (
        f"the members of an ensemble must have predicted the same images of the same classes; found {one}, and {other}"
    )


def _shares(weights: Sequence[float] | NDArray[np.float64] | None, count: int) -> NDArray[np.float64]:
    """Weights that sum to 1."""
    given = np.ones(count) if weights is None else np.asarray(weights, dtype=np.float64)
    if given.shape != (count,) or not np.isfinite(given).all() or given.min() < 0 or given.sum() <= 0:
        raise UsageError(f"{count} members need as many weights, none negative and not all 0; found {given.tolist()}")
    return given / given.sum()


def _mixture_loss(members: Sequence[Predictions]) -> LossAndSlope:
    """Mean cross-entropy of the weighted mean of the probabilities, and its slope by the weights."""
    rows = np.arange(len(members[0]))
    own = np.stack([member.probabilities[rows, member.labels] for member in members], axis=1)  # (N, M)
    own = np.maximum(own, SMALLEST)

    def measured(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        mixed = np.maximum(own @ weights, SMALLEST)
        return float(-np.log(mixed).mean()), -(own / mixed[:, None]).mean(axis=0)

    return measured


def _product_loss(members: Sequence[Predictions]) -> LossAndSlope:
    """Mean cross-entropy of the weighted mean of the logits, and its slope by the weights."""
    count, classes = members[0].logits.shape
    labels = members[0].labels
    rows = max(1, VALUES_AT_ONCE // (classes * len(members)))

    def measured(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        loss, slope = 0.0, np.zeros(len(members))
        for start in range(0, count, rows):
            some = slice(start, start + rows)
            logits = np.stack([member.logits[some] for member in members]).astype(np.float64)  # (M, B, C)
            lead = logits - np.take_along_axis(logits, labels[None, some, None], axis=2)  # over the true class
            mean = np.tensordot(weights, lead, axes=1)
            greatest = mean.max(axis=1, keepdims=True)
            chances = np.exp(mean - greatest)
            total = chances.sum(axis=1, keepdims=True)
            loss += float((greatest + np.log(total)).sum())
            slope += np.einsum("mbc,bc->m", lead, chances / total)
        return loss / count, slope / count

    return measured
