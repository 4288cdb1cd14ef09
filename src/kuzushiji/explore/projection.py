"""Maps of the images in two dimensions: ten methods, each with how long it took and how good its map is.

The methods are those of the tutorial on dimension reduction of Kuzushiji-MNIST (netsatsawat/Kuzushiji-Classification)
and its successors.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import UsageError
from kuzushiji.explore.features import Components, Embed, draw, fit_components, pixel_vectors, shrunk
from kuzushiji.explore.neighbours import NEIGHBOURS, neighbour_accuracy, neighbour_ranks, trustworthiness
from kuzushiji.extras import check_extras, pip_line
from kuzushiji.registry import Registry

POINTS = 1500
"""Images on a map."""

FITTED_ON = 5000
"""Other images that the methods which learn a projection learn it from."""

CLASSES = 20
"""Where there are more than `MANY_CLASSES`, so many of the most frequent are on the maps."""

MANY_CLASSES = 64

COMPONENTS_FROM = 20_000
"""Images that the principal components of the pixels are computed from."""

Vectors = NDArray[np.float32]
Positions = NDArray[np.float64]


@dataclass(frozen=True)
class Method:
    """A way to bring vectors into two dimensions.

    Attributes:
        name: what it is called on the command line.
        title: what it is called on a page.
        summary: what it does, in a few words.
        source: who described it.
        project: (vectors to learn from, their labels, vectors to bring onto the map, seed) -> positions (N, 2).
        learns: whether it learns a projection from other images than those on the map.
        needs: what it cannot do without, beside scikit-learn: a package, and the extra that brings it.
    """

    name: str
    title: str
    summary: str
    source: str
    project: Callable[[Vectors, NDArray[np.int64], Vectors, int], Positions]
    learns: bool = False
    needs: tuple[str, str] | None = None


METHODS: Registry[Method] = Registry("projection method")


def _method(
    name: str, title: str, summary: str, source: str, *, learns: bool = False, needs: tuple[str, str] | None = None
) -> Callable[[Callable], Callable]:
    def enter(project: Callable) -> Callable:
        METHODS.add(name, Method(name, title, summary, source, project, learns, needs))
        return project

    return enter


@_method("pca", "PCA", "the two directions of the greatest variance", "Hotelling 1933", learns=True)
def _pca(known: Vectors, labels: NDArray[np.int64], vectors: Vectors, seed: int) -> Positions:
    return fit_components(known).scores(vectors, 2).astype(np.float64)


@_method("lda", "LDA", "the two directions that part the classes best, learned from labels", "Fisher 1936", learns=True)
def _lda(known: Vectors, labels: NDArray[np.int64], vectors: Vectors, seed: int) -> Positions:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    # In as many directions as there are images any labels can be parted: the first fifty hold what is common.
    components = fit_components(known)
    count = min(50, len(known) // 4 + 1)
    analysis = LinearDiscriminantAnalysis().fit(components.scores(known, count), labels)
    return analysis.transform(components.scores(vectors, count))


@_method("svd", "Truncated SVD", "as PCA, but around zero instead of the mean", "Halko et al. 2011", learns=True)
def _svd(known: Vectors, labels: NDArray[np.int64], vectors: Vectors, seed: int) -> Positions:
    from sklearn.decomposition import TruncatedSVD

    return TruncatedSVD(2, random_state=seed).fit(known).transform(vectors)


@_method("nmf", "NMF", "two images without negative values of which all are mixed", "Lee and Seung 1999", learns=True)
def _nmf(known: Vectors, labels: NDArray[np.int64], vectors: Vectors, seed: int) -> Positions:
    from sklearn.decomposition import NMF

    # Embeddings may have negative values; those of pixels begin at 0 anyway.
    lowest = np.minimum(known.min(axis=0), 0)
    mixture = NMF(2, init="nndsvda", max_iter=500, random_state=seed).fit(known - lowest)
    return mixture.transform(np.maximum(vectors - lowest, 0))


@_method("ica", "ICA", "the two directions along which values are least normal", "Hyvärinen and Oja 2000", learns=True)
def _ica(known: Vectors, labels: NDArray[np.int64], vectors: Vectors, seed: int) -> Positions:
    from sklearn.decomposition import FastICA

    return FastICA(2, whiten="unit-variance", max_iter=500, random_state=seed).fit(known).transform(vectors)


@_method("isomap", "Isomap", "distances along the chain of neighbours", "Tenenbaum et al. 2000")
def _isomap(known: Vectors, labels: NDArray[np.int64], vectors: Vectors, seed: int) -> Positions:
    from sklearn.manifold import Isomap

    return Isomap(n_neighbors=_at_most(10, vectors), n_components=2).fit_transform(vectors)


@_method("lle", "LLE", "each image as the same mixture of its neighbours", "Roweis and Saul 2000")
def _lle(known: Vectors, labels: NDArray[np.int64], vectors: Vectors, seed: int) -> Positions:
    from sklearn.manifold import LocallyLinearEmbedding

    return LocallyLinearEmbedding(
        n_neighbors=_at_most(15, vectors), n_components=2, eigen_solver="dense", random_state=seed
    ).fit_transform(vectors)


@_method("mds", "MDS", "all distances as they are, as far as can be (SMACOF)", "de Leeuw 1977")
def _mds(known: Vectors, labels: NDArray[np.int64], vectors: Vectors, seed: int) -> Positions:
    from sklearn.manifold import smacof
    from sklearn.metrics import pairwise_distances

    start = fit_components(vectors).scores(vectors, 2).astype(np.float64)
    distances = pairwise_distances(vectors.astype(np.float64))
    positions, _ = smacof(distances, init=start, n_init=1, max_iter=150, random_state=seed)
    return positions


@_method("tsne", "t-SNE", "who is whose neighbour, as a probability", "van der Maaten and Hinton 2008")
def _tsne(known: Vectors, labels: NDArray[np.int64], vectors: Vectors, seed: int) -> Positions:
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(vectors) - 1) / 3)
    return TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(_shortened(vectors))


@_method("umap", "UMAP", "the graph of neighbours, laid out anew", "McInnes et al. 2018", needs=("umap", "umap"))
def _umap(known: Vectors, labels: NDArray[np.int64], vectors: Vectors, seed: int) -> Positions:
    from umap import UMAP

    # n_jobs is what a fixed seed makes of it anyway, with a warning.
    layout = UMAP(n_components=2, n_neighbors=_at_most(15, vectors), random_state=seed, n_jobs=1)
    return layout.fit_transform(_shortened(vectors))


def _at_most(neighbours: int, vectors: Vectors) -> int:
    """So many neighbours, or as many as there are other images."""
    return min(neighbours, len(vectors) - 1)


def _shortened(vectors: Vectors) -> Vectors:
    """The first fifty principal components, as is usual before methods that look at neighbours alone."""
    return fit_components(vectors).scores(vectors, 50)


@dataclass(frozen=True, eq=False)
class Map:
    """What a method made.

    Attributes:
        method: its name.
        positions: (N, 2).
        seconds: how long it took.
        trustworthiness: of the neighbours on the map, how far they are neighbours in truth, 0 to 1 (Venna and Kaski
            2001); positions at random have about 0.5.
        accuracy: the share of images whose class their nearest neighbours on the map name.
        note: what to know of it; empty if nothing.
    """

    method: str
    positions: Positions
    seconds: float
    trustworthiness: float
    accuracy: float
    note: str = ""


@dataclass(frozen=True, eq=False)
class Projection:
    """Maps of the same images by several methods.

    Attributes:
        split: which split the images are of.
        numbers: (N,), the images on the maps, by their number within the split.
        labels: (N,), their classes.
        shown_classes: the labels of the classes on the maps.
        learned_from: how many other images the methods that learn have learned from; 0 if there were too few others,
            so that they learned from the images on the map.
        dimensions: the length of the vectors.
        accuracy: what the nearest neighbours know in all dimensions.
        maps: one a method, in the order of `METHODS`.
        missing: method -> why there is no map.
        components: of the pixels; None where it was a network's embedding.
        components_size: height and width of the images that the components are of.
        seed: of the draw and of the methods.
    """

    split: str
    numbers: NDArray[np.int64]
    labels: NDArray[np.int64]
    shown_classes: tuple[int, ...]
    learned_from: int
    dimensions: int
    accuracy: float
    maps: tuple[Map, ...]
    missing: dict[str, str]
    components: Components | None
    components_size: tuple[int, int]
    seed: int

    def to_dict(self, data: CharacterImages) -> dict[str, Any]:
        """The numbers as JSON has them; images are named by their ids."""
        written: dict[str, Any] = {
            "split": self.split,
            "images": len(self.numbers),
            "classes": [data.classes[label] for label in self.shown_classes],
            "learned_from": self.learned_from,
            "dimensions": self.dimensions,
            "neighbours": NEIGHBOURS,
            "accuracy_in_all_dimensions": round(self.accuracy, 6),
            "seed": self.seed,
            "maps": {
                each.method: {
                    "seconds": round(each.seconds, 2),
                    "trustworthiness": round(each.trustworthiness, 6),
                    "accuracy": round(each.accuracy, 6),
                    "note": each.note,
                }
                for each in self.maps
            },
            "missing": self.missing,
        }
        if self.components is not None:
            written["principal_components"] = {
                "images": self.components.count,
                "needed": {f"{share:g}": self.components.needed(share) for share in (0.5, 0.8, 0.9, 0.95, 0.99)},
                "explained": [round(share, 6) for share in self.components.explained[:50].tolist()],
            }
        return written


def check_methods(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once, in the order of `METHODS`.

    Raises:
        UsageError: a name is not known; the message names the nearest.
    """
    wanted = {METHODS[name].name for name in names}
    return tuple(name for name in METHODS if name in wanted)


def check_needs(names: Sequence[str]) -> None:
    """Says what is not installed that methods, asked for by name, can't do without.

    Raises:
        KuzushijiError: as `check_extras`.
    """
    check_extras(*(needs[1] for name in names if (needs := METHODS[name].needs)))


def project(
    data: CharacterImages,
    methods: Sequence[str] | None = None,
    *,
    embed: Embed | None = None,
    points: int = POINTS,
    seed: int = 0,
    tell: Callable[[str, float | None], None] = lambda method, seconds: None,
) -> Projection:
    """Makes maps of a sample of images.

    All methods are shown the same images, equally many of each class as far as it has them.  The methods that learn a
    projection (`Method.learns`) learn it from other images of the same classes, so that all maps can be compared.

    Args:
        data: the split.
        methods: names of `METHODS`; all if None.
        embed: what makes vectors of images; their pixels if None.
        points: how many images are on a map.
        seed: of the sample and of the methods.
        tell: called with a method before it begins, and with it and the seconds that it took when it is done.

    Raises:
        UsageError: a method is not known, or there are fewer than ten images.
    """
    methods = check_methods(list(METHODS) if methods is None else methods)
    shown, others, classes = _choose(data, points, seed)
    if len(shown) < 10:
        raise UsageError(f"{len(shown)} images are too few for a map; at least 10 are needed")
    enough = set(data.labels[others].tolist()) == set(data.labels[shown].tolist()) and len(others) >= len(shown) // 2
    known = others if enough else shown
    make = pixel_vectors if embed is None else embed
    vectors, known_vectors = make(data.images[shown]), make(data.images[known])
    labels, known_labels = data.labels[shown], data.labels[known]

    ranks = neighbour_ranks(vectors)
    maps, missing = [], {}
    for name in methods:
        tell(name, None)
        started = time.perf_counter()
        try:
            positions, note = _positions(METHODS[name], known_vectors, known_labels, vectors, seed)
        except _NoMap as reason:
            missing[name] = str(reason)
            continue
        seconds = time.perf_counter() - started
        if METHODS[name].learns and not enough:
            note = f"Learned from the images that it shows, for there are too few others. {note}".strip()
        measured = trustworthiness(ranks, positions), neighbour_accuracy(positions, labels)
        maps.append(Map(name, positions, seconds, *measured, note))
        tell(name, seconds)

    components, size = None, (0, 0)
    if embed is None:
        size = shrunk(data.images[:1]).shape[1:]
        components = fit_components(pixel_vectors(data.images[draw(len(data), COMPONENTS_FROM, seed)]))
    return Projection(
        data.split,
        shown,
        labels,
        tuple(classes),
        len(others) if enough else 0,
        vectors.shape[1],
        neighbour_accuracy(vectors, labels),
        tuple(maps),
        missing,
        components,
        (size[0], size[1]),
        seed,
    )


def _lacks(package: str) -> str:
    """Imports a package, which may take long and is no part of a method's time; what is missing of it, if anything."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_module(package)
    except ModuleNotFoundError as error:
        return error.name or package
    return ""


class _NoMap(Exception):
    """Why a method gives no map."""


def _positions(
    method: Method, known: Vectors, labels: NDArray[np.int64], vectors: Vectors, seed: int
) -> tuple[Positions, str]:
    """Positions, and what the method had to complain of.

    Raises:
        _NoMap: a package is not installed, or the method can't make anything of these images.
    """
    if method.needs is not None and (lacking := _lacks(method.needs[0])):
        raise _NoMap(f"{method.title} needs {lacking}: {pip_line(method.needs[1])}")
    try:
        return _quietly(method, known, labels, vectors, seed)
    except (ValueError, np.linalg.LinAlgError) as error:
        # Degenerate data, such as a single class or equal images, is beyond some of the methods.
        raise _NoMap(f"{method.title} could not be computed: {error}") from None


def _quietly(
    method: Method, known: Vectors, labels: NDArray[np.int64], vectors: Vectors, seed: int
) -> tuple[Positions, str]:
    """Positions, and what the method had to complain of."""
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        positions = np.asarray(method.project(known, labels, vectors, seed), dtype=np.float64)
    if positions.shape[1] == 0:
        raise ValueError("it needs images of at least two classes")
    if positions.shape[1] == 1:  # LDA of two classes
        positions = np.column_stack([positions, np.zeros(len(positions))])
    if not np.isfinite(positions).all():
        raise ValueError("it gives no finite positions")
    unsettled = any(complaint.category.__name__ == "ConvergenceWarning" for complaint in complaints)
    return positions[:, :2], "It had not settled when it was stopped." if unsettled else ""


def _choose(data: CharacterImages, points: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int]]:
    """The images to show, others to learn from, and their classes."""
    counts = data.class_counts()
    classes = np.flatnonzero(counts)
    if len(classes) > MANY_CLASSES:
        classes = np.argsort(-counts, kind="stable")[:CLASSES]
    generator = np.random.default_rng(seed)
    each = max(points // len(classes), 1)
    shown, others = [], []
    for label in classes.tolist():
        own = generator.permutation(np.flatnonzero(data.labels == label))
        shown.append(own[:each])
        others.append(own[each : each + FITTED_ON // len(classes)])
    return np.sort(np.concatenate(shown)), np.sort(np.concatenate(others)), classes.tolist()
