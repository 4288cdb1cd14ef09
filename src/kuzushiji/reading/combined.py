"""One answer over kana and kanji: `page`, which knows all kinds, and within a kind the network that knows it best too.

`page` says what kind a character is, as probably as it does.  Among kanji, and among the ten kana of Kuzushiji-MNIST,
its answer is then mixed with those of `kanji` and of `kmnist`, half and half (of their logarithms); what the kinds have
together stays as `page` says, so that all is calibrated as one (`python benchmarks/disguises.py`).  A network of a kind
is asked only where it can change who is first: where its kind has together no less than the best of the others.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from kuzushiji.imaging.cut import cut_character_to
from kuzushiji.imaging.read import Source
from kuzushiji.reading.pretrained import ALL
from kuzushiji.reading.recognizer import Recognition, Recognizer, in_batches, recognitions_of, recognized

_LEAST = np.float32(1e-12)
"""No network takes anything for less probable than that."""

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
        mixed = self.general.probabilities(cuts[0])
        for network, places, images in zip(self.special, self._places, cuts[1:], strict=True):
            others = mixed.copy()
            others[:, places] = 0
            may_be = np.flatnonzero(mixed[:, places].sum(axis=1) >= others.max(axis=1))
            if not len(may_be):
                continue
            where = np.ix_(may_be, places)
            both = np.sqrt(np.maximum(mixed[where], _LEAST) * np.maximum(network.probabilities(images[may_be]), _LEAST))
            mixed[where] = both * (mixed[where].sum(axis=1, keepdims=True) / both.sum(axis=1, keepdims=True))
        return mixed
