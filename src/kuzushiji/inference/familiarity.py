"""Shows a network what it does not know: other characters, letters, blots, noise, its own test images turned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.catalogue.sets import DATASETS
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.source import load
from kuzushiji.data.splits import subsample, with_classes_of
from kuzushiji.data.synthetic import foreign
from kuzushiji.errors import DataError, UsageError
from kuzushiji.runs.familiarities import MEASURES, Familiarities, Floats, Shown
from kuzushiji.runs.run import Run, find_run

if TYPE_CHECKING:
    import torch

OTHER_SETS = (("kkanji",), ("k49",), ("kmnist", "kmnist6k"))
"""Sets that other characters are taken from, where they are at hand; of those with the same test images the first."""

KNOWN = 3000
FOREIGN = 1500
"""How many images of known characters, and of each kind of others, are shown."""

TRAINING = 20_000
LEAST_OF_A_CLASS = 20
"""So many training images, or of each class so many, say where the classes lie among the embeddings."""

SAMPLES = 8

SHRINKAGE = 1e-3
LEAST_VARIANCE = 1e-9
ROWS_AT_ONCE = 1024

Tell = Callable[[int, int], None]


def greatest_probability(logits: NDArray[np.floating]) -> Floats:
    """The greatest softmax probability of each of N images, from logits (N, C)."""
    wide = logits.astype(np.float64)
    return 1 / np.exp(wide - wide.max(axis=1, keepdims=True)).sum(axis=1)


def negative_energy(logits: NDArray[np.floating]) -> Floats:
    """log of the sum of exp(logits) of each of N images, from logits (N, C)."""
    wide = logits.astype(np.float64)
    greatest = wide.max(axis=1)
    return greatest + np.log(np.exp(wide - greatest[:, None]).sum(axis=1))


@dataclass(frozen=True, eq=False)
class ClassMeans:
    """Where the classes lie among the embeddings of the training images.

    Attributes:
        means: (K, D), of the classes that have images, in coordinates in which the shared covariance is the identity.
        whitening: (D, D), takes embeddings, less `centre`, to these coordinates.
        centre: (D,).
    """

    means: Floats
    whitening: Floats
    centre: Floats

    def nearest(self, vectors: NDArray[np.floating]) -> Floats:
        """The squared Mahalanobis distance (N,) of embeddings (N, D) to the nearest class mean."""
        nearest = np.empty(len(vectors))
        lengths = (self.means**2).sum(axis=1)
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            white = (vectors[some] - self.centre) @ self.whitening
            squares = (white**2).sum(axis=1)[:, None] + lengths - 2 * white @ self.means.T
            nearest[some] = np.maximum(squares.min(axis=1), 0)
        return nearest


def fit_class_means(vectors: NDArray[np.floating], labels: NDArray[np.int64]) -> ClassMeans:
    """Class means and their shared covariance from embeddings (N, D) of training images with labels (N,).

    A thousandth of the mean variance is added in every direction, so that those in which the training images do not
    vary at all count, yet not without bound.

    Raises:
        DataError: there are no images.
    """
    if not len(labels):
        raise DataError("class means need at least one image")
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    centre = vectors.mean(axis=0, dtype=np.float64)
    centred = vectors - centre
    means = np.zeros((len(counts), vectors.shape[1]))
    np.add.at(means, places, centred)
    means /= counts[:, None]
    within = centred - means[places]
    covariance = within.T @ within / len(labels)
    variances, axes = np.linalg.eigh(covariance)
    floor = SHRINKAGE * max(float(variances.mean()), LEAST_VARIANCE)
    whitening = axes / np.sqrt(np.maximum(variances, 0) + floor)
    return ClassMeans(means @ whitening, whitening, centre)


def show_outliers(
    run: Run | str | Path,
    *,
    known: CharacterImages | None = None,
    train: CharacterImages | None = None,
    device: str = "auto",
    tell: Tell = lambda done, every: None,
) -> Familiarities:
    """Shows a run's network its test images and images of other things, and measures how familiar they look to it.

    Args:
        run: a finished run, its name or its path.
        known: its test images; if None they are loaded from where the run had them.
        train: its training images likewise.
        device: where the network runs: auto, cpu, cuda or mps.
        tell: gets how many images of how many have been shown.

    Returns:
        What `detect_outliers` measures.

    Raises:
        RunError: the training is not finished, or the training images are not those that it had.
        DataError: its images are not to be had.
        UsageError: it has no test images, or they are not square.

    Example:
        >>> detect_outliers(show_outliers("resnet-kmnist"))[0].auroc["distance"].value  # doctest: +SKIP
        0.9731
    """
    from kuzushiji.inference.weights import load_network

    run = find_run(run)
    run.check_finished()
    network, config = load_network(run.weights_file)
    height, width = config.model.image_size
    if height != width:
        raise UsageError(f"{run.name} takes images of {height} x {width} pixels; outliers can be drawn for square ones")
    classes, has_rare = config.classes, config.data.rare is not None
    known = run.images("test") if known is None else known
    train = run.images("train", check=True) if train is None else train
    known = subsample(with_classes_of(classes, known, has_rare=has_rare), KNOWN)
    train = _of_each_class(train, max(LEAST_OF_A_CLASS, TRAINING // len(classes)))
    kinds = _foreign_images(known, classes, has_rare)

    look = _Onlooker(network, device, tell, len(known) + sum(len(images) for *_, images in kinds) + len(train))
    look.learn(train)
    return Familiarities(
        known=_shown("known", f"the test images of {known.name}", known.images, look),
        foreign=tuple(_shown(name, description, images, look) for name, description, images in kinds),
        config_fingerprint=run.fingerprint,
    )


def _of_each_class(data: CharacterImages, count: int) -> CharacterImages:
    """At most `count` images of each class, drawn at random."""
    order = np.random.default_rng(0).permutation(len(data))
    order = order[np.argsort(data.labels[order], kind="stable")]
    sorted_labels = data.labels[order]
    rank = np.arange(len(order)) - np.searchsorted(sorted_labels, sorted_labels)
    return data.select(np.sort(order[rank < count]))


def _foreign_images(
    known: CharacterImages, classes: tuple[str, ...], has_rare: bool
) -> list[tuple[str, str, NDArray[np.uint8]]]:
    """Name, description and images of each kind."""
    side = known.image_size[0]
    kinds = []
    if not has_rare:  # a network with a class for all other characters knows them all
        for names in OTHER_SETS:
            if (data := _first_at_hand(names)) is not None:
                images = foreign.strangers(data, classes, FOREIGN, side=side)
                kinds.append((names[0], f"other characters, of {DATASETS[names[0]].title}", images))
        brush_images = foreign.brush_strangers(classes, FOREIGN, side=side)
        kinds.append(("brush", "other kana, drawn with brush fonts", brush_images))
    kinds += [
        ("latin", "Latin letters, printed", foreign.letters(FOREIGN, _fonts(), side=side)),
        ("turned", "the test images, turned by 90, 180 or 270 degrees", foreign.turned(known.images[:FOREIGN])),
        ("blots", "blots of ink", foreign.blots(FOREIGN, side=side)),
        ("noise", "pixels at random", foreign.noise(FOREIGN, side=side)),
        ("blank", "paper without ink", foreign.blank(FOREIGN, side=side)),
    ]
    return [kind for kind in kinds if len(kind[-1])]


def _first_at_hand(names: tuple[str, ...]) -> CharacterImages | None:
    """The test images of the first of these sets whose files are here."""
    for name in names:
        try:
            return load(name, "test")
        except DataError:
            continue
    return None


def _fonts() -> list[Path]:
    """The upright and slanted fonts for text that come with matplotlib."""
    import matplotlib as mpl

    return sorted((Path(mpl.get_data_path()) / "fonts" / "ttf").glob("DejaVuS*[!y].ttf"))


class _Onlooker:
    """A network that says how familiar images look to it."""

    def __init__(self, network: torch.nn.Module, device: str, tell: Tell, every: int) -> None:
        from kuzushiji.inference.device import choose_device, keep_freed_memory

        keep_freed_memory()
        self.device = choose_device(device)
        self.network = network.to(self.device)
        self.means: ClassMeans | None = None
        self._tell, self._done, self._every = tell, 0, every

    def learn(self, train: CharacterImages) -> None:
        """Learns where the classes lie among the embeddings; of a network without embeddings, nothing."""
        if hasattr(self.network, "features"):
            _, vectors = self._look(train.images, with_logits=False)
            self.means = fit_class_means(vectors, train.labels)

    def familiarity(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(N, 3), by each of `MEASURES`."""
        logits, vectors = self._look(images)
        found = np.full((len(images), len(MEASURES)), np.nan)
        found[:, 0] = greatest_probability(logits)
        found[:, 1] = negative_energy(logits)
        if self.means is not None:
            found[:, 2] = -self.means.nearest(vectors)
        return found

    def _look(
        self, images: NDArray[np.uint8], with_logits: bool = True
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits (N, C) and embeddings (N, D) of images (N, H, W); empty ones where they are not wanted or had."""
        import torch

        from kuzushiji.inference.outputs import EVALUATION_BATCH, as_input

        features: Any = getattr(self.network, "features", None)
        logits, vectors = [], []
        with torch.inference_mode():
            for start in range(0, len(images), EVALUATION_BATCH):
                batch = as_input(torch.from_numpy(np.array(images[start : start + EVALUATION_BATCH])), self.device)
                if with_logits:
                    logits.append(self.network(batch).float().cpu().numpy())
                if features is not None:
                    vectors.append(features(batch).float().flatten(1).cpu().numpy())
                self._done += len(batch)
                self._tell(self._done, self._every)
        nothing = np.empty((0, 0), np.float32)
        return (np.concatenate(logits) if logits else nothing), (np.concatenate(vectors) if vectors else nothing)


def _shown(name: str, description: str, images: NDArray[np.uint8], look: _Onlooker) -> Shown:
    samples = images[np.linspace(0, len(images) - 1, min(SAMPLES, len(images))).astype(int)]
    return Shown(name, description, look.familiarity(images), np.array(samples))
