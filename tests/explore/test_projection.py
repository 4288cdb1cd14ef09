import sys
import types

import numpy as np
import pytest
from sklearn.manifold import trustworthiness as reference

from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import UsageError
from kuzushiji.explore.projection import METHODS, neighbour_accuracy, neighbour_ranks, project, trustworthiness
from tests.explore.planted import CLASSES, make_splits

WITHOUT_UMAP = [name for name in METHODS if name != "umap"]


@pytest.fixture
def fake_umap(monkeypatch):
    """A stand-in for umap-learn, which takes half a minute to import; it keeps what it was asked for."""
    asked = {}

    class UMAP:
        def __init__(self, **settings):
            asked.update(settings)

        def fit_transform(self, vectors):
            asked["shape"] = vectors.shape
            return vectors[:, :2]

    module = types.ModuleType("umap")
    module.UMAP = UMAP
    monkeypatch.setitem(sys.modules, "umap", module)
    return asked


@pytest.fixture(scope="module")
def made():
    """All maps but that of UMAP, of 40 images, learned from the 80 others."""
    return project(make_splits()["train"], WITHOUT_UMAP, points=40, seed=3)


@pytest.mark.parametrize("neighbours", [1, 5, 12])
def test_trustworthiness_agrees_with_scikit_learn(neighbours):
    generator = np.random.default_rng(neighbours)
    vectors, positions = generator.normal(size=(40, 6)), generator.normal(size=(40, 2))
    positions += 0.5 * vectors[:, :2]
    ours = trustworthiness(neighbour_ranks(vectors), positions, neighbours)
    assert ours == pytest.approx(reference(vectors, positions, n_neighbors=neighbours), abs=1e-12)


def test_a_map_that_keeps_all_distances_is_wholly_trustworthy():
    vectors = np.random.default_rng(0).normal(size=(30, 2))
    assert trustworthiness(neighbour_ranks(vectors), 7 - 2 * vectors) == 1


def test_neighbours_know_the_class_by_majority_and_of_a_tie_by_nearness():
    positions = np.array([[0.0], [1.0], [2.1], [10.0], [11.0]])
    # With one neighbour each: 0 -> 1, 1 -> 0, 2.1 -> 1, 10 -> 11, 11 -> 10.
    assert neighbour_accuracy(positions, np.array([0, 0, 1, 1, 1]), 1) == pytest.approx(4 / 5)
    # With two: of 10 they are 11 and 2.1, of one class each; 11 is nearer.
    assert neighbour_accuracy(positions, np.array([0, 0, 0, 1, 1]), 2) == 1


def test_every_method_makes_a_map(made):
    assert [each.method for each in made.maps] == WITHOUT_UMAP
    assert made.missing == {}
    for each in made.maps:
        assert each.positions.shape == (40, 2)
        assert np.isfinite(each.positions).all()
        assert each.seconds >= 0
        assert 0.5 < each.trustworthiness <= 1
    # The classes are clear, and so they are on most maps.
    assert made.accuracy == 1
    assert sum(each.accuracy > 0.8 for each in made.maps) >= 6


def test_the_images_on_the_maps_are_as_many_of_each_class(made):
    data = make_splits()["train"]
    assert np.bincount(made.labels).tolist() == [10] * 4
    assert np.array_equal(made.labels, data.labels[made.numbers])
    assert made.learned_from == 80


def test_maps_are_the_same_for_the_same_seed(made):
    again = project(make_splits()["train"], ["pca", "tsne"], points=40, seed=3)
    for each in again.maps:
        assert np.array_equal(each.positions, next(m.positions for m in made.maps if m.method == each.method))
    other = project(make_splits()["train"], ["pca"], points=40, seed=4)
    assert not np.array_equal(other.numbers, made.numbers)


def test_lda_shows_images_that_it_has_not_learned_from():
    # Labels at random: whoever learns from the images that he shows parts them all the same.
    generator = np.random.default_rng(0)
    noise = CharacterImages(
        generator.integers(0, 255, (400, 8, 8), dtype=np.uint8), generator.integers(0, 2, 400), CLASSES[:2]
    )
    (honest,) = project(noise, ["lda"], points=100).maps
    assert honest.accuracy < 0.65
    assert honest.note == ""


def test_with_no_other_images_it_says_that_it_learned_from_what_it_shows():
    (made,) = project(make_splits(5)["train"], ["lda"], points=1000).maps
    assert "Learned from the images that it shows" in made.note


def test_two_classes_give_lda_one_direction():
    data = make_splits()["train"]
    (made,) = project(data.select(data.labels < 2), ["lda"]).maps
    assert made.positions.shape[1] == 2
    assert not made.positions[:, 1].any()


def test_what_a_method_cannot_do_is_said_and_the_others_go_on():
    data = make_splits()["train"]
    made = project(data.select(data.labels == 2), ["pca", "lda"])
    assert [each.method for each in made.maps] == ["pca"]
    assert "LDA could not be computed" in made.missing["lda"]


def test_umap_is_asked_with_the_seed(fake_umap):
    (made,) = project(make_splits()["train"], ["umap"], points=40, seed=5).maps
    assert made.positions.shape == (40, 2)
    assert fake_umap["random_state"] == 5
    assert fake_umap["n_neighbors"] == 15
    assert fake_umap["shape"][0] == 40


def test_without_umap_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    made = project(make_splits()["train"], ["pca", "umap"])
    assert [each.method for each in made.maps] == ["pca"]
    assert made.missing["umap"] == "UMAP needs umap: pip install 'kuzushiji[umap]'"


def test_unknown_methods_are_met_with_the_nearest():
    with pytest.raises(UsageError, match=r"no projection method 'tsn'; did you mean tsne"):
        project(make_splits()["train"], ["tsn"])


def test_too_few_images_are_refused():
    with pytest.raises(UsageError, match="4 images are too few"):
        project(make_splits(1)["train"], ["pca"])


def test_of_many_classes_the_most_frequent_are_on_the_map():
    classes = tuple(map(chr, range(0x4E00, 0x4E00 + 100)))
    labels = np.concatenate([np.arange(100), np.repeat(np.arange(40, 60), 3)]).astype(np.int64)
    images = np.random.default_rng(0).integers(0, 255, (160, 6, 6), dtype=np.uint8)
    made = project(CharacterImages(images, labels, classes), ["pca"])
    assert made.shown_classes == tuple(range(40, 60))


def test_components_are_of_the_pixels_but_not_of_an_embedding(made):
    assert made.components is not None
    assert made.components.count == 120
    assert made.components_size == (16, 16)
    embedded = project(
        make_splits()["train"], ["nmf"], embed=lambda images: images.reshape(len(images), -1)[:, :9] - np.float32(20)
    )
    assert embedded.components is None
    assert embedded.dimensions == 9
    assert np.isfinite(embedded.maps[0].positions).all()


def test_those_who_watch_are_told(monkeypatch):
    told = []
    project(make_splits()["train"], ["svd", "pca"], tell=lambda method, seconds: told.append((method, seconds is None)))
    assert told == [("pca", True), ("pca", False), ("svd", True), ("svd", False)]
