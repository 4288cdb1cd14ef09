import numpy as np
import pytest

from kuzushiji.data import brush
from kuzushiji.data.catalog import dataset
from kuzushiji.data.datasets import load, splits
from kuzushiji.errors import UsageError


def test_the_shape_of_kuzushiji_mnist():
    data = brush.make("kmnist", samples_per_class=20)
    assert data.images.shape == (200, 28, 28)
    assert data.classes == tuple(dataset("kmnist").characters)
    assert set(data.class_counts()) == {20}
    assert data.name == "brush:kmnist"


def test_the_imbalance_of_kuzushiji_49():
    data = brush.make("k49", samples_per_class=60)
    assert data.classes == tuple(dataset("k49").characters)
    counts = data.class_counts()
    assert counts.max() == 60
    assert counts[data.classes.index("ゐ")] == round(60 * 417 / 6000)
    assert sum(brush.K49_TRAIN_COUNTS) == dataset("k49").counts["train"]


def test_real_labels_have_the_recorded_imbalance(real_data):
    with np.load(real_data / "k49" / "k49-train-labels.npz") as arrays:
        assert tuple(np.bincount(arrays["arr_0"])) == brush.K49_TRAIN_COUNTS


def test_the_seed_decides_and_the_amount_does_not():
    first = brush.make("kmnist", samples_per_class=30, seed=1)
    assert first.fingerprint() == brush.make("kmnist", samples_per_class=30, seed=1).fingerprint()
    assert first.fingerprint() != brush.make("kmnist", samples_per_class=30, seed=2).fingerprint()
    assert first.fingerprint() != brush.make("kmnist", "test", samples_per_class=30, seed=1).fingerprint()


def test_what_it_drew_once_it_draws_again():
    """Loosely, for the last bits of floating-point arithmetic differ between machines."""
    data = brush.make("kmnist", samples_per_class=50)
    assert data.labels[:10].tolist() == [4, 8, 2, 6, 7, 1, 7, 4, 5, 3]
    assert data.images.mean() == pytest.approx(50.48, abs=0.1)


def test_the_name_asks_for_an_amount():
    assert set(load("brush:kmnist:12", "train").class_counts()) == {12}
    assert set(load("brush:kmnist:12", "test").class_counts()) == {2}
    assert splits("brush:kmnist:12") == ("train", "test")


@pytest.mark.parametrize("name", ["kmnst", "", "kmnist:", "kmnist:many", "kmnist:0", "kmnist:-3"])
def test_wrong_names_are_told(name):
    if name == "kmnist:":
        assert len(brush.make(name, samples_per_class=1)) == 10
    else:
        with pytest.raises(UsageError):
            brush.make(name)


def test_wrong_split_is_told():
    with pytest.raises(UsageError, match="train and test"):
        brush.make("kmnist", "validation")


def test_every_class_is_in_the_atlas_in_several_forms():
    atlas = brush.atlas()
    for kana in dataset("k49").characters:
        numbers, shares = atlas.glyphs_of[kana]
        assert len(numbers) >= (3 if kana == "ゝ" else 7)
        assert shares.sum() == pytest.approx(1)
        assert f"{kana} sousho" in [atlas.forms[number] for number in numbers]


def test_measured_shares_are_of_forms_in_the_atlas():
    atlas = brush.atlas()
    for kana in dataset("kmnist").characters:
        _, shares = atlas.glyphs_of[kana]
        assert shares.min() > 0, "no form is left out"
        assert shares.max() > 2 * shares.min(), "they were measured"


def test_images_are_characters_on_black():
    data = brush.make("k49", samples_per_class=40)
    inked = (data.images > 128).mean(axis=(1, 2))
    assert inked.min() > 0.01
    assert inked.max() < 0.75
    assert 0.1 < inked.mean() < 0.35
    corners = data.images[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.median(corners) == 0


def test_characters_fill_the_square_as_the_real_ones_do():
    data = brush.make("kmnist", samples_per_class=50)
    inked = data.images > 64
    height, width = inked.any(axis=2).sum(axis=1), inked.any(axis=1).sum(axis=1)
    assert np.median(np.maximum(height, width)) >= 27


def test_ink_and_size_are_near_the_real_ones(real_data):
    drawn = brush.make("kmnist", samples_per_class=100)
    with np.load(real_data / "kmnist6k" / "kmnist-train-imgs.npz") as arrays:
        real = arrays["arr_0"]
    assert drawn.images.mean() == pytest.approx(real.mean(), rel=0.2)
    assert drawn.images.std() == pytest.approx(real.std(), rel=0.15)


@pytest.mark.parametrize(
    "change",
    [{"rotate": 0.5}, {"shear": 0.6}, {"stretch": 0.5}, {"elastic": 0.4}, {"neighbours": 1.0}, {"shift": 0.2}],
)
def test_each_variation_changes_the_images(change):
    usual = brush.make("kmnist", samples_per_class=10)
    varied = brush.make("kmnist", samples_per_class=10, variation=brush.Variation(**change))
    assert varied.labels.tolist() == usual.labels.tolist()
    assert (varied.images != usual.images).any(axis=(1, 2)).mean() > 0.7


def test_thickness_follows_the_level():
    thick, thin = (
        brush.make("kmnist", samples_per_class=20, variation=brush.Variation(thickest=level, thinnest=level))
        for level in (0.3, 0.8)
    )
    assert thick.images.mean() > 1.5 * thin.images.mean()


def test_neighbours_come_in_at_the_edges_only():
    alone, together = (
        brush.make("kmnist", samples_per_class=20, variation=brush.Variation(neighbours=share)) for share in (0.0, 1.0)
    )
    changed = (alone.images != together.images).mean(axis=0)
    assert changed[8:20, 8:20].max() < 0.1
    assert changed[0].mean() > 0.1
