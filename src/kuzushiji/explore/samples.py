"""What the characters look like: samples at random, and the forms that each character has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.images import CharacterImages
from kuzushiji.explore.features import Embed, draw, fit_components, pixel_vectors

RANDOM = 75
"""How many images the page opens with, as the comparison of dense and convolutional networks on Kuzushiji-49 did."""

CLASSES = 24
"""Where there are many classes, the forms of so many of the most frequent are shown."""

LOOKED_AT = 400
"""Images of a class whose forms are looked for."""

MOST_FORMS = 6
SMALLEST_FORM = 0.05
"""A form with a smaller share of the images than this counts as stray images, not as a form."""

CLEARER = 0.03
"""By how much the silhouette of forms must exceed that of an even cloud of points."""

TOLERANCE = 0.02
"""Fewer forms are preferred to more if this excess is less by no more than so much."""


@dataclass(frozen=True, eq=False)
class ClassForms:
    """The forms of one character.

    Attributes:
        label: its class.
        character: what it is.
        count: its images in the split.
        forms: for each form the numbers of its images within the split, the most typical first; the form with the most
            images first.  Of a large class a sample is looked at.
        silhouette: how far the forms stand apart, -1 to 1 (Rousseeuw 1987); NaN where there is only one.
        mean: (H, W), the mean image, 0 to 255.
        spread: (H, W), the standard deviation of each pixel, 0 to 127.5.
    """

    label: int
    character: str
    count: int
    forms: tuple[NDArray[np.int64], ...]
    silhouette: float
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]

    @property
    def shares(self) -> list[float]:
        """The share of each form."""
        sizes = [len(form) for form in self.forms]
        return [size / sum(sizes) for size in sizes]


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one split.

    Attributes:
        split: which.
        random: numbers of images drawn at random, in the order in which they are shown.
        classes: the forms of the classes, in the order of the labels or of their frequency.
    """

    split: str
    random: NDArray[np.int64]
    classes: tuple[ClassForms, ...]

    def to_dict(self, data: CharacterImages) -> dict[str, Any]:
        """The numbers as JSON has them; images are named by their ids."""
        return {
            "split": self.split,
            "random": data.ids[self.random].tolist(),
            "classes": [
                {
                    "character": each.character,
                    "count": each.count,
                    "forms": [
                        {"share": round(share, 4), "typical": data.ids[form[:8]].tolist()}
                        for form, share in zip(each.forms, each.shares, strict=True)
                    ],
                    "silhouette": None if each.silhouette != each.silhouette else round(each.silhouette, 4),
                }
                for each in self.classes
            ],
        }


def take_samples(
    data: CharacterImages,
    *,
    embed: Embed = pixel_vectors,
    labels: Sequence[int] | None = None,
    count: int = RANDOM,
    seed: int = 0,
    tell: Callable[[int, int], None] = lambda done, every: None,
) -> Samples:
    """Draws samples of a split and finds the forms of its characters.

    Args:
        data: the split.
        embed: what makes vectors of images, by which forms are told apart.
        labels: the classes whose forms are looked for; if None, all, or the `CLASSES` most frequent where there are
            more than twice as many.
        count: how many images are drawn at random.
        seed: of all draws.
        tell: gets how many classes of how many are done.
    """
    if labels is None:
        labels = _shown_classes(data.class_counts())
    random = np.random.default_rng(seed).permutation(len(data))[:count]
    classes = []
    for label in labels:
        classes.append(find_class_forms(data, label, embed=embed, seed=seed))
        tell(len(classes), len(labels))
    return Samples(data.split, random, tuple(classes))


def find_class_forms(data: CharacterImages, label: int, *, embed: Embed = pixel_vectors, seed: int = 0) -> ClassForms:
    """Finds the forms of one character; see `find_forms`."""
    own = np.flatnonzero(data.labels == label)
    looked_at = own[draw(len(own), LOOKED_AT, seed)]
    images = np.array(data.images[looked_at])
    forms, silhouette = find_forms(embed(images), seed=seed)
    return ClassForms(
        label,
        data.classes[label],
        len(own),
        tuple(looked_at[form] for form in forms),
        silhouette,
        images.mean(axis=0, dtype=np.float32),
        images.std(axis=0, dtype=np.float32),
    )


def find_forms(
    vectors: NDArray[np.float32], *, most: int = MOST_FORMS, seed: int = 0
) -> tuple[list[NDArray[np.int64]], float]:
    """Groups the images of one class by form; one group where no grouping is clearer than chance would have it.

    k-means on the first 16 principal components, for each number of groups up to `most`.  Its silhouette is compared
    with that of a normal distribution of the same covariance, which k-means divides too though it has no groups (the
    null of SigClust: Liu, Hayes, Nobel and Marron 2008).  The least number is taken whose silhouette exceeds it nearly
    as much as that of any.

    Args:
        vectors: (N, D), of images of one class.
        most: the greatest number of forms.
        seed: of k-means and of the comparison.

    Returns:
        For each form the places of its images within `vectors`, the nearest to its centre first, the largest form
        first; and the silhouette, NaN if there is one form.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    components = fit_components(vectors)
    scores = components.scores(vectors, 16)
    generator = np.random.default_rng(seed)
    even = generator.normal(size=scores.shape) * np.sqrt(components.variances[: scores.shape[1]])
    distinct = len(np.unique(scores.round(5), axis=0))
    candidates = []
    for number in range(2, min(most, distinct - 1, len(scores) // 5) + 1):
        means = KMeans(number, n_init=4, random_state=seed)
        found = means.fit_predict(scores).astype(np.int64)
        if np.bincount(found, minlength=number).min() < max(3, SMALLEST_FORM * len(scores)):
            continue
        silhouette = float(silhouette_score(scores, found))
        excess = silhouette - float(silhouette_score(even, means.fit_predict(even)))
        if excess > CLEARER:
            candidates.append((excess, silhouette, found))
    groups, silhouette = np.zeros(len(scores), dtype=np.int64), nan
    if candidates:
        enough = max(excess for excess, _, _ in candidates) - TOLERANCE
        _, silhouette, groups = next(candidate for candidate in candidates if candidate[0] >= enough)
    forms = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    forms = [form[np.argsort(_from_centre(scores[form]), kind="stable")] for form in forms]
    return sorted(forms, key=lambda form: -len(form)), silhouette


def _from_centre(points: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.linalg.norm(points - points.mean(axis=0), axis=1)


def _shown_classes(counts: NDArray[np.int64]) -> list[int]:
    there = np.flatnonzero(counts)
    if len(there) > 2 * CLASSES + 1:
        return np.argsort(-counts, kind="stable")[:CLASSES].tolist()
    return there.tolist()
