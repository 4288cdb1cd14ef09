from math import isnan

import numpy as np
import pytest

from kuzushiji.data.images import CharacterImages
from kuzushiji.explore.samples import find_class_forms, find_forms, take_samples
from tests.explore.planted import make_splits


def cloud(count, middle, seed):
    return np.random.default_rng(seed).normal(middle, 0.4, (count, 12)).astype(np.float32)


def test_planted_forms_are_found():
    vectors = np.concatenate([cloud(40, 0, 0), cloud(25, 2, 1), cloud(15, -2, 2)])
    forms, silhouette = find_forms(vectors)
    assert [sorted(form.tolist()) for form in forms] == [
        list(range(40)),
        list(range(40, 65)),
        list(range(65, 80)),
    ]
    assert silhouette > 0.5


@pytest.mark.parametrize("seed", range(5))
def test_a_single_cloud_is_one_form(seed):
    # Longer along some axes than along others, as images are.
    vectors = cloud(120, 0, seed) * np.linspace(3, 0.2, 12, dtype=np.float32)
    forms, silhouette = find_forms(vectors)
    assert len(forms) == 1
    assert len(forms[0]) == 120
    assert isnan(silhouette)


def test_the_most_typical_images_of_a_form_come_first():
    vectors = cloud(50, 0, 0)
    vectors[7] = 5
    (form,), _ = find_forms(vectors[:, :2], most=1)
    assert form[-1] == 7


@pytest.mark.parametrize("count", [1, 2, 9])
def test_few_or_equal_images_are_one_form(count):
    forms, _ = find_forms(np.zeros((count, 4), dtype=np.float32))
    assert [len(form) for form in forms] == [count]


def test_forms_of_a_class_are_numbers_within_the_split():
    # The first class has two patterns that share no ink.
    generator = np.random.default_rng(0)
    images = np.zeros((60, 8, 8), dtype=np.uint8)
    images[:20, :4], images[20:40, 4:] = 200, 200
    images[40:, :, :4] = 200
    images = (images * generator.uniform(0.7, 1, images.shape)).astype(np.uint8)
    order = generator.permutation(60)
    labels = np.repeat([0, 0, 1], 20)[order].astype(np.int64)
    data = CharacterImages(images[order], labels, ("あ", "い"), split="train")
    forms = find_class_forms(data, 0)
    found = {frozenset(order[form].tolist()) for form in forms.forms}
    assert found == {frozenset(range(20)), frozenset(range(20, 40))}
    assert forms.shares == [0.5, 0.5]
    assert forms.count == 40
    assert np.allclose(forms.mean, images[:40].mean(axis=0), atol=0.01)
    assert np.allclose(forms.spread, images[:40].std(axis=0), atol=0.01)


def test_samples_are_drawn_once_each_and_the_same_for_the_same_seed():
    data = make_splits()["train"]
    first, again, other = (take_samples(data, seed=seed, labels=[]) for seed in (1, 1, 2))
    assert len(first.random) == 75
    assert len(set(first.random.tolist())) == 75
    assert np.array_equal(first.random, again.random)
    assert not np.array_equal(first.random, other.random)
    assert first.classes == ()


def test_all_images_are_shown_where_there_are_fewer():
    assert sorted(take_samples(make_splits(2, 1)["train"], labels=[]).random.tolist()) == list(range(8))


def test_of_many_classes_the_most_frequent_are_looked_at():
    labels = np.concatenate([np.arange(80), [70, 70, 5]]).astype(np.int64)
    data = CharacterImages(np.zeros((83, 4, 4), dtype=np.uint8), labels, tuple(map(chr, range(0x4E00, 0x4E00 + 80))))
    looked_at = take_samples(data).classes
    assert len(looked_at) == 24
    assert [each.label for each in looked_at[:2]] == [70, 5]
    assert looked_at[0].count == 3
