"""`Ngrams`: how probable a character is after those before it, as counted in texts.

A backoff model: the probability of a character after a context is stored for what was seen often enough; else it is
that after the context without its first character, times the backoff of the context.  All of it is a trie in arrays:
a node is a string of 1 to `order` characters, its children are the strings that are one character longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.characters import new_forms, unvoiced
from kuzushiji.npz import opened_arrays, save_arrays

FORMAT = "kuzushiji language 1"
STEP = 1 / 16
"""Logarithms are kept as whole numbers of such steps, 0 to 255; a probability is off by 3 % at most."""

Numbers = NDArray[np.int64]


def common_form(character: str) -> str:
    """What stands in the model for a character: kanji in the forms of today, kana without voicing marks.

    Texts and labels differ in both by habit, so that what stands around tells neither: the image does.
    """
    return unvoiced(new_forms(character))


@dataclass(frozen=True)
class Level:
    """The nodes of one length, sorted.

    Attributes:
        keys: int64 (n,), the number of the node without its last character, times the number of characters, plus
            the number of its last character.
        costs: uint8 (n,), minus the logarithm of the probability of the last character after the others, in `STEP`s.
        backoffs: uint8 (n,), minus the logarithm of the backoff of the whole as a context, in `STEP`s.
    """

    keys: Numbers
    costs: NDArray[np.uint8]
    backoffs: NDArray[np.uint8]

    def find(self, keys: Numbers) -> Numbers:
        """The numbers of nodes; -1 for those that are not there."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        places = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.where(self.keys[places] == keys, places, -1)


@dataclass(frozen=True)
class Ngrams:
    """A backoff model of characters in their `common_form`.

    Attributes:
        characters: those that it knows, sorted; number 0 is "", which stands for all others.
        levels: the nodes of length 1, which are all characters, 2, ...
    """

    characters: tuple[str, ...]
    levels: tuple[Level, ...]

    @property
    def order(self) -> int:
        """The length of the longest strings that it knows."""
        return len(self.levels)

    def numbers(self, characters: Sequence[str]) -> Numbers:
        """The number of each of them, whatever its form; 0 for those that it does not know."""
        known = {each: number for number, each in enumerate(self.characters)}
        return np.array([known.get(common_form(each), 0) for each in characters], np.int64)

    def start(self, count: int = 1) -> Numbers:
        """Contexts with nothing before: (count, order - 1), see `after`."""
        return np.full((count, self.order - 1), -1)

    def after(self, contexts: Numbers, characters: Numbers) -> tuple[NDArray[np.float64], Numbers]:
        """Reads a character after each context.

        Args:
            contexts: (n, order - 1), the nodes of the last one, two, ... characters; -1 where there is none.
            characters: (n,), numbers of the characters that follow.

        Returns:
            float64 (n,), the logarithms of their probabilities, and the contexts that they leave.
        """
        steps = self.levels[0].costs[characters].astype(np.int64)
        nodes = [characters]
        for level, shorter, context in zip(self.levels[1:], self.levels, contexts.T, strict=False):
            there = context >= 0
            found = level.find(np.where(there, context * len(self.characters) + characters, -1))
            further = np.where(there, steps + shorter.backoffs[context], steps)
            steps = np.where(found >= 0, level.costs[found] if len(level.costs) else steps, further)
            nodes.append(found)
        return -STEP * steps.astype(np.float64), np.stack(
            nodes[: self.order - 1], axis=1
        ) if self.order > 1 else contexts

    def log_probability(self, text: str) -> float:
        """The logarithm of the probability of a text, read from its beginning."""
        total, context = 0.0, self.start()
        for number in self.numbers(text):
            log, context = self.after(context, np.array([number]))
            total += float(log[0])
        return total

    def save(self, path: Path) -> None:
        """Writes one npz file, whole or not at all; the same model gives the same bytes."""
        arrays: dict[str, object] = {"format": FORMAT, "characters": "".join(self.characters)}
        for number, level in enumerate(self.levels, 1):
            before = len(self.levels[number - 2].keys) if number > 1 else 1
            arrays[f"followers_{number}"] = np.bincount(level.keys // len(self.characters), minlength=before).astype(
                np.uint16
            )
            arrays[f"last_{number}"] = (level.keys % len(self.characters)).astype(np.uint16)
            arrays[f"costs_{number}"] = level.costs
            if number < self.order:  # nothing is longer than the longest
                arrays[f"backoffs_{number}"] = level.backoffs
        save_arrays(path, arrays, compressed=True)

    @classmethod
    def load(cls, path: Path) -> "Ngrams":
        """Reads what `save` wrote.

        Raises:
            DataError: the file is missing, damaged or something else.
        """
        with opened_arrays(path, "language model", "python tools/train_language.py") as arrays:
            if str(arrays["format"]) != FORMAT:
                raise ValueError(f"its format is {str(arrays['format'])[:30]!r}, expected {FORMAT!r}")
            characters = ("", *str(arrays["characters"]))
            levels: list[Level] = []
            while (number := len(levels) + 1) == 1 or f"last_{number}" in arrays:
                followers, last = arrays[f"followers_{number}"], arrays[f"last_{number}"].astype(np.int64)
                before = len(levels[-1].keys) if levels else 1
                costs = arrays[f"costs_{number}"]
                backoffs = arrays.get(f"backoffs_{number}", np.zeros(len(last), np.uint8))
                if not len(last) == len(costs) == len(backoffs) == followers.sum() or len(followers) != before:
                    raise ValueError(f"the columns of length {number} are not equally long")
                keys = np.repeat(np.arange(before), followers) * len(characters) + last
                if (last >= len(characters)).any() or (np.diff(keys) <= 0).any():
                    raise ValueError(f"the strings of length {number} are not sorted")
                levels.append(Level(keys, costs.astype(np.uint8), backoffs.astype(np.uint8)))
            if len(levels[0].keys) != len(characters):
                raise ValueError(f"{len(levels[0].keys)} of {len(characters)} characters have a probability")
        return cls(characters, tuple(levels))
