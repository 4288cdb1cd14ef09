"""`LanguageModel`: which of the candidates of characters that follow each other is meant, as old Japanese has it.

It chooses among what a network saw and adds nothing: a candidate's score is the logarithm of its probability on the
image plus `weight` times that of its following those before it, both as far down as `FLOOR` only, and the path of the
highest sum is taken.  What the network is sure of stays, and helps to read what is beside it.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kuzushiji.document.page import Page
from kuzushiji.errors import UsageError
from kuzushiji.reading.ngrams import Ngrams
from kuzushiji.shipped import WEIGHTS

LANGUAGE = WEIGHTS / "language.npz"
"""The one that ships."""

WEIGHT = 0.6
"""How much what stands before counts, against the image.  By `tools/fit_language.py` a network of all kinds gains
most at 0.6 to 0.8; two networks, of which the surer answers, gain less."""
CHOICES = 12
"""It chooses among so many candidates, however few are asked for; with 5 half a point less is right."""
SURE = 0.98
"""A network's answer that is so probable is not changed."""
FLOOR = -10.0
"""No character is less probable after others than e to this: old books have rare words."""
LEAST = 1e-3
"""Candidates that the image makes less probable than this share of the best are none."""
_BEAM = 16
"""So many readings are followed at once; more change nothing."""


class LanguageModel:
    """Weighs the candidates of characters by those before them.

    Args:
        ngrams: how probable characters are after others.
        weight: how much that counts, 0 to 1; at 0 the image alone decides.
        sure: a network's answer that is so probable is not changed.

    Raises:
        UsageError: the weight or the probability is not within 0 and 1.

    Example:
        >>> language = LanguageModel.load()                                                     # doctest: +SKIP
        >>> language.choose([["け", "り"], ["礼", "れ"]], [[0.6, 0.4], [0.55, 0.45]])           # doctest: +SKIP
        array([0, 1])
    """

    def __init__(self, ngrams: Ngrams, *, weight: float = WEIGHT, sure: float = SURE) -> None:
        for name, value in (("weight", weight), ("sure", sure)):
            if not 0 <= value <= 1:
                raise UsageError(f"{name} is {value}; expected 0 to 1")
        self.ngrams, self.weight, self.sure = ngrams, weight, sure

    @classmethod
    def load(cls, path: str | Path | None = None, **settings: Any) -> "LanguageModel":
        """The model of a file that `tools/train_language.py` wrote; the one that ships if None.

        Args:
            path: the file.
            settings: see the class.

        Raises:
            DataError: the file is missing, damaged or something else.
        """
        return cls(Ngrams.load(LANGUAGE if path is None else Path(path)), **settings)

    def choose(self, candidates: ArrayLike, probabilities: ArrayLike) -> NDArray[np.int64]:
        """Which candidate each of n characters is that are read one after the other, column by column.

        Args:
            candidates: str (n, k), what each may be, the image's answer first; "" where there are fewer than k.
            probabilities: (n, k), of each candidate on the image.

        Returns:
            int64 (n,), the column of the candidate; 0 for characters without any.

        Raises:
            UsageError: the two have other shapes.
        """
        names, shares = np.asarray(candidates, np.str_), np.asarray(probabilities, np.float64)
        if names.ndim != 2 or names.shape != shares.shape:
            raise UsageError(f"candidates are {names.shape}, probabilities {shares.shape}; expected both (n, k)")
        if not names.size:
            return np.zeros(len(names), np.int64)
        different, places = np.unique(names, return_inverse=True)
        numbers = self.ngrams.numbers(different.tolist())[places].reshape(names.shape)
        return self._best_path(numbers, np.log(np.maximum(shares, 1e-30)), self._possible(names, shares))

    def chosen(self, page: Page) -> NDArray[np.int64]:
        """Which candidate each character of a page is, int64 (n,).

        Main lines are read one after the other; each note and each ruby for itself; characters on no line stay.
        """
        columns = page.characters
        main = [number for number, line in enumerate(page.lines) if line.role == "main"]
        aside = [np.arange(len(page))[line.characters] for line in page.lines if line.role != "main"]
        found = np.zeros(len(page), np.int64)
        for part in (np.flatnonzero(np.isin(columns.line, main)), *aside):
            found[part] = self.choose(columns.candidates[part], columns.probabilities[part])
        return found

    def read(self, page: Page) -> Page:
        """The same page with the candidate that is meant as the answer of each character, those `changed` marked."""
        columns, chosen = page.characters, self.chosen(page)
        # The chosen one moves to the front, the others keep their order.
        order = np.argsort(np.arange(columns.candidates.shape[1]) != chosen[:, None], axis=1, kind="stable")
        characters = replace(
            columns,
            candidates=np.take_along_axis(columns.candidates, order, axis=1),
            probabilities=np.take_along_axis(columns.probabilities, order, axis=1),
            changed=columns.changed | (chosen > 0),
        )
        return replace(page, characters=characters)

    def _possible(self, names: NDArray[np.str_], shares: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which candidates can be chosen, (n, k): at least the first, and no other where that is sure."""
        best = shares[:, :1]
        possible = (names != "") & (shares >= LEAST * best) & (best < self.sure)
        possible[:, 0] = True
        return possible

    def _best_path(
        self, numbers: NDArray[np.int64], seen: NDArray[np.float64], possible: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Viterbi's algorithm: of readings that leave the same context the best goes on."""
        contexts, scores = self.ngrams.start(), np.zeros(1)
        steps: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        for row, image, allowed in zip(numbers, seen, possible, strict=True):
            choices = np.flatnonzero(allowed)
            before = np.repeat(np.arange(len(scores)), len(choices))
            choice = np.tile(choices, len(scores))
            logs, contexts = self.ngrams.after(contexts[before], row[choice])
            scores = scores[before] + image[choice] + self.weight * np.maximum(logs, FLOOR)
            kept = _best_of_each(contexts, scores)
            contexts, scores = contexts[kept], scores[kept]
            steps.append((before[kept], choice[kept]))
        path, place = [], int(scores.argmax())
        for before, choice in reversed(steps):
            path.append(choice[place])
            place = int(before[place])
        return np.array(path[::-1], np.int64)


def _best_of_each(contexts: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The places of the best scores, one a context, the best first; of equal ones the first."""
    order = np.argsort(-scores, kind="stable")
    if len(order) == 1:
        return order
    found: dict[bytes, int] = {}
    for place in order.tolist():
        found.setdefault(contexts[place].tobytes(), place)
        if len(found) == _BEAM:
            break
    return np.array(list(found.values()), np.int64)
