"""One answer over kana and kanji: `page`, which knows all kinds, and within a kind the network that knows it best too.

`page` says what kind a character is.  Among kanji, among kana, and among the ten kana of Kuzushiji-MNIST, its answer is
mixed with those of `kanji`, of `kana` and of `kmnist` (their logarithms), one after the other; and a kind is likelier
where the network that knows it finds in the image what it has learnt, by its highest logit.  How much of each was
chosen on every second of an even choice of 6,000 test images of Kuzushiji-Kanji and 2,000 of Kuzushiji-MNIST, and
measured on the others (`python benchmarks/one_answer.py`).  A network of a kind is asked only where it can change who
is first.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kuzushiji.imaging.cut import cut_character_to
from kuzushiji.imaging.read import Source
from kuzushiji.reading.pretrained import ALL
from kuzushiji.reading.recognizer import Recognition, Recognizer, in_batches, recognitions_of, recognized

_LEAST = np.float32(1e-12)
"""No network takes anything for less probable than that."""
_MAY_BE = 0.05
"""A kind that has together less than so much of what the best of the others has is not the first in the end."""


class _Mixing(NamedTuple):
    """How the network of a kind is mixed in: the weight of its answer, `page` having the rest, and how much likelier
    its kind is, in the logarithm, for each that its highest logit is above a least one."""

    weight: float
    likelier: float
    above: float


MIXING = {"kanji": _Mixing(0.7, 0.5, 5.0), "kana": _Mixing(0.4, 0.0, 0.0), "kmnist": _Mixing(0.5, 2.0, 2.0)}

Asked = Callable[[int, NDArray[np.int64]], NDArray[np.float32]]
"""The logits (n, C) that the network of this number in `Combined.special` gives of the images of these numbers."""

Cuts = tuple[NDArray[np.uint8], ...]
"""An image of a character as each of the networks takes it."""


class Combined:
    """Names characters with the networks that ship, together; used as `Recognizer` is by `kuzushiji.recognize`.

    Args:
        threads: how many of the processor's cores to use; all that this process may use if None.

    Raises:
        UsageError: one of the networks does not ship.
    """

    unsure_below = 0.99
    """No less than `python benchmarks/caution.py` finds, with which at most 1 % are named wrongly with more."""

    def __init__(self, *, threads: int | None = None) -> None:
        self.general, *self.special = (Recognizer(name, threads=threads) for name in ALL)
        place = {character: number for number, character in enumerate(self.general.classes)}
        self._places = [np.array([place[character] for character in each.classes]) for each in self.special]

    @property
    def classes(self) -> tuple[str, ...]:
        """The characters that it knows."""
        return self.general.classes

    def __call__(self, images: Source | Iterable[Source | tuple[str, Source]], *, top: int = 5) -> list[Recognition]:
        """Names the character on each image, as `Recognizer.__call__`."""
        return recognized(self, images, top)

    def cut(self, gray: NDArray[np.uint8]) -> Cuts | None:
        """Brings the gray image of a character to what the networks take; None if it is blank."""
        cuts = cut_character_to(gray, [each.description.image_size for each in (self.general, *self.special)])
        return tuple(cuts) if cuts and all(each.any() for each in cuts) else None

    def recognize_prepared(
        self, images: Sequence[Cuts | None], *, top: int = 5, doubts: Sequence[str] = ()
    ) -> list[Recognition]:
        """Names the characters on images as `cut` gives them; else as `Recognizer.recognize_prepared`."""
        inked = [number for number, image in enumerate(images) if image is not None]

        def named(some: Sequence[int]) -> Iterator[Recognition]:
            cuts = [np.stack(each) for each in zip(*(images[number] or () for number in some), strict=True)]
            said = [doubts[number] if doubts else "" for number in some]
            return recognitions_of(self.probabilities(cuts), self.classes, top, self.unsure_below, said)

        return in_batches(len(images), inked, named)

    def probabilities(self, cuts: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Calibrated probabilities (N, C) of images as each of the networks takes them: uint8 (N, H, W) each."""
        return self.mixed(
            self.general.probabilities(cuts[0]),
            lambda number, some: self.special[number].logits(cuts[number + 1][some]),
        )

    def mixed(self, general: NDArray[np.float32], ask: Asked) -> NDArray[np.float32]:
        """The probabilities (N, C) that `page` gives, mixed with those of the networks of a kind."""
        found = general.copy()
        for number, (network, places) in enumerate(zip(self.special, self._places, strict=True)):
            mixing = MIXING[network.path.stem]
            others = general.copy()
            others[:, places] = 0
            may_be = np.flatnonzero(general[:, places].sum(axis=1) >= _MAY_BE * others.max(axis=1))
            if not len(may_be):
                continue
            where = np.ix_(may_be, places)
            logits = ask(number, may_be)
            told = np.log(np.maximum(network.calibrated(logits), _LEAST))
            both = np.exp((1 - mixing.weight) * np.log(np.maximum(found[where], _LEAST)) + mixing.weight * told)
            likelier = np.exp(mixing.likelier * np.maximum(0, logits.max(axis=1, keepdims=True) - mixing.above))
            found[where] = both * (likelier * found[where].sum(axis=1, keepdims=True) / both.sum(axis=1, keepdims=True))
        return found / found.sum(axis=1, keepdims=True)
