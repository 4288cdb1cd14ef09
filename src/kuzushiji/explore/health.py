"""What may be wrong with a dataset: blank images, duplicates, wrong labels, splits that differ."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.errors import UsageError
from kuzushiji.explore.duplicates import Group, exact_duplicates, near_duplicates, scan
from kuzushiji.explore.features import draw, pool_scores, unit_vectors
from kuzushiji.explore.mislabelled import (
    VOTERS,
    Opinions,
    Suspects,
    find_suspects,
    nearest_neighbours,
    neighbours_opinions,
    network_opinions,
)
from kuzushiji.explore.pool import Pool
from kuzushiji.explore.shift import Shift, measure_shift
from kuzushiji.runs.predictions import Predictions

COMPONENTS = 48
"""Principal components of the pixels among which neighbours are looked for."""

COMPARED = 150_000
"""Of more images than these, so many are compared with one another."""

SPARE = 4
"""Neighbours that are looked for beyond the voters, for those that may not vote."""

Tell = Callable[[str, int, int], None]
"""Gets a step and how many images of how many are done."""


@dataclass(frozen=True, eq=False)
class Health:
    """What was found; images are numbers of the pool.

    Attributes:
        pool: all images.
        blanks: (B,), images without ink.
        exact: groups of images with equal pixels, blank ones left out.
        near: groups of images that are nearly equal.
        compared: how many images were compared with one another.
        suspects: images whose labels are likely wrong; `places` are numbers of the pool.
        judge: who judged the labels, for a reader.
        shift: how far train and test differ; None where one of them is missing or too small.
        seconds: step -> how long it took.
    """

    pool: Pool
    blanks: NDArray[np.int64]
    exact: tuple[Group, ...]
    near: tuple[Group, ...]
    compared: int
    suspects: Suspects
    judge: str
    shift: Shift | None
    seconds: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """The numbers as JSON has them; images by split, id and character."""
        suspects = self.suspects
        return {
            "images": len(self.pool),
            "blank": {
                "count": len(self.blanks),
                "images": [self.pool.describe(number) for number in self.blanks.tolist()],
            },
            "exact_duplicates": self._groups(self.exact),
            "near_duplicates": {"compared": self.compared} | self._groups(self.near),
            "label_errors": {
                "judge": self.judge,
                "judged": suspects.judged,
                "agreement": _rounded(suspects.agreement),
                "count": len(suspects.places),
                "images": [
                    self.pool.describe(number)
                    | {
                        "suggested": self.pool.classes[suggested],
                        "given_probability": round(given, 4),
                        "suggested_probability": round(share, 4),
                    }
                    for number, suggested, given, share in zip(
                        suspects.places.tolist(),
                        suspects.suggested.tolist(),
                        suspects.given_share.tolist(),
                        suspects.suggested_share.tolist(),
                        strict=True,
                    )
                ],
            },
            "shift": None if self.shift is None else self.shift.to_dict(),
            "seconds": {step: round(seconds, 2) for step, seconds in self.seconds.items()},
        }

    def _groups(self, groups: tuple[Group, ...]) -> dict[str, Any]:
        return {
            "groups": len(groups),
            "images": sum(len(group.numbers) for group in groups),
            "groups_between_splits": sum(group.between_splits for group in groups),
            "groups_with_different_labels": sum(group.labels_differ for group in groups),
            "list": [
                {
                    "similarity": group.similarity,
                    "images": [self.pool.describe(number) for number in group.numbers],
                }
                for group in groups
            ],
        }


def check_health(
    pool: Pool,
    *,
    predictions: dict[str, Predictions] | None = None,
    judge: str = "",
    seed: int = 0,
    tell: Tell = lambda step, done, every: None,
    done: Callable[[str, float], None] = lambda step, seconds: None,
) -> Health:
    """Looks for all that may be wrong with a dataset.

    Args:
        pool: all images.
        predictions: split -> what a network said of images that it was not trained on, by which labels are judged; if
            None, the nearest neighbours of each image among all others judge it.
        judge: what that network is called.
        seed: of all draws.
        tell: how far it is.
        done: called with each step that is done, and the seconds that it took.

    Raises:
        UsageError: the predictions are of other images.
    """
    seconds: dict[str, float] = {}

    @contextmanager
    def step(name: str) -> Iterator[Callable[[int, int], None]]:
        started = time.perf_counter()
        tell(name, 0, 0)
        yield lambda so_far, every: tell(name, so_far, every)
        seconds[name] = time.perf_counter() - started
        done(name, seconds[name])

    with step("blank images and exact duplicates") as progress:
        blanks, same_as = scan(pool, progress)
        exact = exact_duplicates(pool, same_as, blanks)
    with step("principal components") as progress:
        scores = pool_scores(pool, unit_vectors, COMPONENTS, seed=seed, tell=progress)
    with step("nearest neighbours") as progress:
        inked = np.setdiff1d(np.arange(len(pool)), blanks)
        looked_at = inked[draw(len(inked), COMPARED, seed)]
        distances, places = nearest_neighbours(scores[looked_at], VOTERS + SPARE, progress)
    with step("near duplicates"):
        near = near_duplicates(pool, distances, looked_at[places], looked_at, same_as)
    with step("labels"):
        if predictions is None:
            opinions = neighbours_opinions(pool.labels[looked_at], distances, places, same_as[looked_at])
            nearness: NDArray[np.float32] | None = distances[:, 0]
            judged, judge = looked_at, f"the {VOTERS} nearest neighbours of each image"
        else:
            nearness = None
            judged, opinions = _network_judge(pool, predictions)
        suspects = find_suspects(pool.labels[judged], opinions, len(pool.classes), nearness)
        suspects = replace(suspects, places=judged[suspects.places])
    shift = None
    if {"train", "test"} <= set(pool.splits):
        with step("shift"):
            train, test = (np.setdiff1d(np.arange(*pool.bounds[name]), blanks) for name in ("train", "test"))
            shift = measure_shift(scores, pool.labels, train, test, seed=seed)
    return Health(pool, blanks, exact, near, len(looked_at), suspects, judge, shift, seconds)


def _network_judge(pool: Pool, predictions: dict[str, Predictions]) -> tuple[NDArray[np.int64], Opinions]:
    """The numbers of the images that a network has judged, and what it says of them.

    Validation images that were set apart from the training images are found among these by their ids.
    """
    numbers, opinions = [], []
    for name, said in predictions.items():
        home = name if name in pool.splits else "train"
        if home not in pool.splits or said.classes != pool.classes:
            raise UsageError(f"the network was not tested on the {name} images of this data, or on other classes")
        split, (start, _) = pool.splits[home], pool.bounds[home]
        order = np.argsort(split.ids, kind="stable")
        places = np.searchsorted(split.ids, said.ids, sorter=order)
        rows = order[np.minimum(places, len(order) - 1)]
        there = (split.ids[rows] == said.ids) & (split.labels[rows] == said.labels)
        if not there.any():
            raise UsageError(f"the {name} images that the network was asked about are not those of this data")
        told = network_opinions(said)
        numbers.append(start + rows[there])
        opinions.append(Opinions(told.classes[there], told.shares[there]))
    return np.concatenate(numbers), Opinions(
        np.concatenate([each.classes for each in opinions]), np.concatenate([each.shares for each in opinions])
    )


def _rounded(value: float) -> float | None:
    return None if value != value else round(value, 4)
