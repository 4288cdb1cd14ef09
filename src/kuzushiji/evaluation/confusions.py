"""What is taken for what."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Confusion:
    """One class taken for another.

    Attributes:
        true: what it is.
        predicted: what it was taken for.
        count: how often.
        share: `count` among the images of the true class, 0 to 1.
    """

    true: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True)
class TakenFor:
    """What a class was taken for, and how often."""

    character: str
    count: int


@dataclass(frozen=True)
class Mistakes:
    """What one class was taken for.

    Attributes:
        character: the class.
        support: its images.
        wrong: how many of them were taken for something else.
        taken_for: for what and how often, the most frequent first.
    """

    character: str
    support: int
    wrong: int
    taken_for: tuple[TakenFor, ...]


def most_confused(confusion: NDArray[np.int64], classes: Sequence[str], n: int = 20) -> list[Confusion]:
    """The pairs of classes that are most often taken for one another, most frequent first.

    Args:
        confusion: (C, C), true class by predicted class.
        classes: the C characters.
        n: how many pairs at most; pairs that never occur are left out.
    """
    support = confusion.sum(axis=1)
    true, predicted = np.nonzero(confusion)
    wrong = true != predicted
    true, predicted = true[wrong], predicted[wrong]
    counts = confusion[true, predicted]
    first = np.argsort(-counts, kind="stable")[:n]
    return [
        Confusion(classes[t], classes[p], int(confusion[t, p]), float(confusion[t, p] / support[t]))
        for t, p in zip(true[first], predicted[first], strict=True)
    ]


def list_mistakes(confusion: NDArray[np.int64], classes: Sequence[str]) -> list[Mistakes]:
    """What each class that has images was taken for: the class with the most mistakes first, and among equals the one
    with the fewest images.

    Args:
        confusion: (C, C), true class by predicted class.
        classes: the C characters.
    """
    found = []
    for label, (character, row) in enumerate(zip(classes, confusion.copy(), strict=True)):
        support = int(row.sum())
        row[label] = 0
        others = np.argsort(-row, kind="stable")[: np.count_nonzero(row)].tolist()
        taken_for = tuple(TakenFor(classes[other], int(row[other])) for other in others)
        found.append(Mistakes(character, support, int(row.sum()), taken_for))
    return sorted((each for each in found if each.support), key=lambda each: (-each.wrong, each.support))
