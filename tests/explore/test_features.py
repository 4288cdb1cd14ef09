from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from kuzushiji.errors import UsageError
from kuzushiji.explore.features import (
    draw,
    fit_components,
    network_embedding,
    pixel_vectors,
    pool_scores,
    shrunk,
    unit_vectors,
)
from kuzushiji.explore.pool import Pool
from kuzushiji.inference.weights import save_network
from kuzushiji.models import create_model
from tests.explore.planted import make_splits
from tests.plots.synthetic import KMNIST, make_images, make_run


def test_small_images_are_taken_as_they_are():
    images = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    assert shrunk(images).dtype == np.float32
    assert np.allclose(shrunk(images) * 255, images)


def test_large_images_are_the_means_of_blocks():
    images = np.zeros((1, 64, 64), dtype=np.uint8)
    images[0, :2, :2] = [[255, 0], [0, 255]]
    small = shrunk(images)
    assert small.shape == (1, 32, 32)
    assert small[0, 0, 0] == pytest.approx(0.5)
    assert small.sum() == pytest.approx(0.5)


def test_what_is_missing_for_whole_blocks_is_black():
    small = shrunk(np.full((1, 80, 65), 255, dtype=np.uint8))
    assert small.shape == (1, 27, 22)
    assert small[0, 0, 0] == 1
    assert small[0, -1, -1] == pytest.approx(4 / 9)


def test_unit_vectors_have_length_one_and_blank_ones_zero():
    images = np.zeros((2, 5, 5), dtype=np.uint8)
    images[0, 2] = 100
    assert np.linalg.norm(unit_vectors(images), axis=1).tolist() == pytest.approx([1, 0])


def test_components_agree_with_scikit_learn():
    vectors = np.random.default_rng(0).normal(size=(60, 9)).astype(np.float32) * np.arange(1, 10, dtype=np.float32)
    ours, theirs = fit_components(vectors), PCA().fit(vectors)
    assert np.allclose(ours.variances, theirs.explained_variance_, rtol=1e-4)
    assert np.allclose(ours.explained, theirs.explained_variance_ratio_, rtol=1e-4)
    assert np.allclose(np.abs((ours.axes * theirs.components_).sum(axis=1)), 1, atol=1e-4)
    assert np.allclose(np.abs(ours.scores(vectors, 3)), np.abs(theirs.transform(vectors)[:, :3]), atol=1e-3)


def test_components_needed_for_a_share():
    generator = np.random.default_rng(0)
    vectors = (generator.normal(size=(4000, 4)) * [10, 5, 1, 0.1]).astype(np.float32)
    components = fit_components(vectors)
    assert components.needed(0.5) == 1  # 100 of 126
    assert components.needed(0.9) == 2  # 125 of 126
    assert components.needed(0.999) == 3


def test_components_of_equal_vectors_explain_nothing():
    components = fit_components(np.ones((5, 3), dtype=np.float32))
    assert components.explained.tolist() == [0, 0, 0]


def test_components_never_make_a_distance_greater():
    pool = Pool(make_splits(6, 3))
    vectors = unit_vectors(pool.images(np.arange(len(pool))))
    scores = pool_scores(pool, unit_vectors, 5)
    assert scores.shape == (36, 5)
    apart = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    assert (np.linalg.norm(scores[:, None] - scores[None], axis=2) <= apart + 1e-5).all()


def test_a_draw_is_the_same_for_the_same_seed():
    assert draw(5, 9, 0).tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal(draw(1000, 50, 3), draw(1000, 50, 3))
    assert len(set(draw(1000, 50, 3).tolist())) == 50
    assert not np.array_equal(draw(1000, 50, 3), draw(1000, 50, 4))


def test_an_embedding_is_what_the_network_ends_in(tmp_path):
    images = make_images(KMNIST, 7)
    run = make_run(tmp_path / "run", images)
    torch.manual_seed(0)
    network = create_model("lenet5", classes=10, image_size=(28, 28)).eval()
    save_network(run.weights_file, network, run.config)
    embedded = network_embedding(run, (28, 28))(images.images)
    with torch.inference_mode():
        expected = network.features(torch.from_numpy(images.images)[:, None] / 255)
    assert np.allclose(embedded, expected.numpy(), atol=1e-5)
    with pytest.raises(UsageError, match="28 x 28 pixels, these have 64 x 64"):
        network_embedding(run, (64, 64))


def test_pixels_may_come_from_a_mapped_file(tmp_path):
    images = make_splits(2, 1)["train"].images
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    data = replace(make_splits(2, 1)["train"], images=mapped)
    assert np.array_equal(pixel_vectors(Pool({"train": data}).images(np.array([1, 0]))), pixel_vectors(images[[1, 0]]))
