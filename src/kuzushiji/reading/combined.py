"""One answer over kana and kanji: `page`, which knows all kinds, and within a kind the network that knows it best too.

`page` says what kind a character is, as probably as it does.  Among kanji, and among the ten kana of Kuzushiji-MNIST,
its answer is then mixed with those of `kanji` and of `kmnist`, half and half (of their logarithms); what the kinds have
together stays as `page` says, so that all is calibrated as one (`python benchmarks/disguises.py`).
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from kuzushiji.imaging.cut import cut_character_to
from kuzushiji.imaging.read import Source
from kuzushiji.reading.pretrained import ALL
from kuzushiji.reading.recognizer import Recognition, Recognizer, in_batches, recognitions_of, recognized

_LEAST = 0.01
"""A network of a kind is asked only where the character is of that kind with such a probability at least."""

Cuts = tuple[NDArray[np.uint8], ...]
"""An image of a character as each of the networks takes it."""


class Combined:
    """Names characters with the networks that ship, together; used as `Recognizer` is by `kuzushiji.recognize`.

    Args:
        threads: how many of the processor's cores to use; all that this process may use if None.

    Raises:
        UsageError: one of the networks does not ship.
    """

    unsure_below = 0.97
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
        general = _logarithms(self.general.probabilities(cuts[0]))
        mixed = general.copy()
        for network, places, images in zip(self.special, self._places, cuts[1:], strict=True):
            may_be = np.flatnonzero(_total(general[:, places]) > np.log(_LEAST))
            if not len(may_be):
                continue
            where = np.ix_(may_be, places)
            special = np.float32(0.5) * (_normal(general[where]) + _logarithms(network.probabilities(images[may_be])))
            mixed[where] = _total(general[where]) + _normal(special)
        return np.exp(_normal(mixed))


def _logarithms(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.log(np.maximum(probabilities, np.float32(1e-12)))


def _total(logarithms: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logarithm of the sum of what has these logarithms, (N, 1)."""
    total: NDArray[np.float32] = np.logaddexp.reduce(logarithms, axis=1, keepdims=True)
    return total


def _normal(logarithms: NDArray[np.float32]) -> NDArray[np.float32]:
    return logarithms - _total(logarithms)
