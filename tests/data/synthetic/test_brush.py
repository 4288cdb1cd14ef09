import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from kuzushiji.characters import K49, KMNIST, PARENT, hentaigana, parents
from kuzushiji.data.catalogue.sets import dataset
from kuzushiji.data.source import load, parse
from kuzushiji.data.synthetic import brush
from kuzushiji.errors import DataError, UsageError


@pytest.fixture
def own_atlas(tmp_path, monkeypatch):
    """A copy of the atlas that a test may damage."""
    for suffix in (".png", ".json"):
        (tmp_path / brush.ATLAS.with_suffix(suffix).name).write_bytes(brush.ATLAS.with_suffix(suffix).read_bytes())
    monkeypatch.setattr(brush, "ATLAS", tmp_path / brush.ATLAS.name)
    brush._atlas.cache_clear()
    yield tmp_path / brush.ATLAS.name
    brush._atlas.cache_clear()


def extent(occupied):
    """How many pixels from the first to the last occupied one, of each row of (N, S)."""
    return occupied.shape[1] - occupied[:, ::-1].argmax(axis=1) - occupied.argmax(axis=1)


# The shape of the sets


def test_the_shape_of_kuzushiji_mnist():
    data = brush.make("kmnist", "train", samples_per_class=20)
    assert data.images.shape == (200, 28, 28)
    assert data.classes == KMNIST
    assert set(data.class_counts()) == {20}
    assert (data.name, data.split) == ("brush:kmnist", "train")
    assert list(data.source) == ["brush_atlas.png"]


def test_the_imbalance_of_kuzushiji_49():
    data = brush.make("k49", "train", samples_per_class=60)
    counts = data.class_counts()
    assert data.classes == K49
    assert counts.max() == 60
    assert counts[K49.index("ゐ")] == 5  # 417 of 6,000, rounded up
    assert sum(brush.SHAPES["k49"].counts["train"]) == dataset("k49").counts["train"]
    assert sum(brush.SHAPES["k49"].counts["test"]) == dataset("k49").counts["test"]


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", ["kmnist", "k49"])
def test_real_labels_have_the_recorded_imbalance(real_data, name, split):
    with np.load(real_data / name / f"{name}-{split}-labels.npz") as arrays:
        assert tuple(np.bincount(arrays["arr_0"])) == brush.SHAPES[name].counts[split]


def test_even_one_sample_a_class_has_every_class():
    assert set(brush.make("k49", "test", samples_per_class=1).class_counts()) == {1}


def test_default_amounts():
    assert set(brush.make("kmnist", "test").class_counts()) == {200}
    assert brush.make("k49", "test").class_counts().min() == 13  # 64 of 1,000, of 200


def test_the_name_asks_for_an_amount():
    assert set(load("brush:kmnist:12", "train").class_counts()) == {12}
    assert set(load("brush:kmnist:12", "test").class_counts()) == {2}
    assert parse("brush:kmnist:12").splits == ("train", "test")


@pytest.mark.parametrize("name", ["kmnst", "", "mnist", "K49", "../kmnist"])
def test_wrong_names_are_told(name):
    with pytest.raises(UsageError, match="brush:kmnist"):
        brush.make(name, "train")


def test_wrong_split_is_told():
    with pytest.raises(UsageError, match="train, test"):
        brush.make("kmnist", "validation")


@pytest.mark.parametrize("wrong", [{"samples_per_class": 0}, {"samples_per_class": -3}, {"seed": -1}])
def test_numbers_out_of_range_are_told(wrong):
    with pytest.raises(UsageError, match="it must be at least"):
        brush.make("kmnist", "train", **wrong)


# What the seed decides


def test_the_seed_decides():
    first = brush.make("kmnist", "train", samples_per_class=30, seed=1)
    assert first.fingerprint() == brush.make("kmnist", "train", samples_per_class=30, seed=1).fingerprint()
    other = brush.make("kmnist", "train", samples_per_class=30, seed=2)
    test = brush.make("kmnist", "test", samples_per_class=30, seed=1)
    drawn = [{image.tobytes() for image in data.images} for data in (first, other, test)]
    assert not drawn[0] & drawn[1]
    assert not drawn[0] & drawn[2]
    assert len(drawn[0]) == 300, "no image twice"
    assert first.labels.tolist() != sorted(first.labels.tolist())


def test_more_samples_keep_the_first_ones():
    """Also over the border of a block."""
    few = brush.make("kmnist", "train", samples_per_class=40)
    many = brush.make("kmnist", "train", samples_per_class=brush.BLOCK + 20)
    kept = {image.tobytes() for image in many.images}
    assert {image.tobytes() for image in few.images} <= kept
    assert len(kept) == 10 * (brush.BLOCK + 20)


def test_a_kana_is_drawn_alike_in_every_set():
    kmnist = brush.make("kmnist", "train", samples_per_class=3)
    k49 = brush.make("k49", "train", samples_per_class=3)
    for kana in KMNIST:
        of_kmnist = {image.tobytes() for image in kmnist.images[kmnist.labels == KMNIST.index(kana)]}
        assert of_kmnist == {image.tobytes() for image in k49.images[k49.labels == K49.index(kana)]}


def test_what_it_drew_once_it_draws_again():
    """Change the hash only when the drawing is meant to change: all published figures of brush sets change with it."""
    data = brush.make("kmnist", "train", samples_per_class=4, seed=7)
    assert data.labels[:10].tolist() == [6, 6, 6, 6, 0, 7, 3, 0, 9, 8]
    assert hashlib.sha256(data.images.tobytes()).hexdigest()[:16] == "9f76602ce374e6de"


# The atlas


def test_the_atlas_is_what_its_manifest_says():
    manifest = json.loads(brush.ATLAS.with_suffix(".json").read_text(encoding="utf-8"))
    with Image.open(brush.ATLAS) as picture:
        sheet = np.asarray(picture)
    assert hashlib.sha256(sheet.tobytes()).hexdigest() == manifest["pixels_sha256"]
    assert sheet.shape[1] == manifest["columns"] * manifest["cell"]
    assert set(manifest["fonts"]) == set(manifest["glyphs"])
    assert brush.ATLAS.stat().st_size < 1_000_000


def test_every_kana_is_there_in_every_hand_and_every_parent_in_some():
    index = brush._atlas().index
    for kana in K49:
        assert all(kana in index[font] for font in index if font != "hentaigana")
        assert all(letter in index["hentaigana"] for letter, _ in hentaigana(kana))
    missing = {parent for kana in PARENT for parent in parents(kana) if parent not in index["sousho"]}
    assert len(missing) < 5, missing


@pytest.mark.parametrize("kana", K49)
def test_glyphs_are_ink_that_fills_their_cell(kana):
    atlas = brush._atlas()
    cells = [cell for form in brush.forms(kana) for cell in brush._glyphs(atlas, kana, form)]
    assert len(cells) >= (5 if kana == "ゝ" else 8)
    ink = atlas.cells[cells] > 0
    longer = np.maximum(extent(ink.any(axis=1)), extent(ink.any(axis=2)))
    assert longer.min() >= 0.7 * atlas.ink, "but for the finest ends of strokes"
    assert longer.max() <= atlas.ink + 2


@pytest.mark.parametrize("kana", K49)
def test_shares_are_of_forms_that_the_kana_has(kana):
    shares = brush.forms(kana)
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) > 0
    assert set(shares) <= {kana, *parents(kana)}
    assert {kana} < set(shares) or kana == "ゝ"


def test_a_sample_is_drawn_as_often_as_its_share():
    atlas, rng = brush._atlas(), np.random.default_rng(0)
    drawn = np.concatenate([brush._choose(atlas, "す", rng) for _ in range(40)])
    for form, share in brush.forms("す").items():
        found = np.isin(drawn, list(brush._glyphs(atlas, "す", form))).mean()
        assert found == pytest.approx(share, abs=0.02)


def test_another_picture_than_the_manifest_describes_is_told(own_atlas):
    with Image.open(own_atlas) as picture:
        Image.fromarray(np.asarray(picture)[::-1].copy()).save(own_atlas)
    with pytest.raises(DataError, match="install the package again"):
        brush.make("kmnist", "test", samples_per_class=1)


@pytest.mark.parametrize("suffix", [".png", ".json"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty"])
def test_a_damaged_atlas_is_told(own_atlas, suffix, damage):
    path = own_atlas.with_suffix(suffix)
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[: len(content) // 2] if damage == "truncated" else b"")
    with pytest.raises(DataError, match="install the package again"):
        brush.make("kmnist", "test", samples_per_class=1)


# The pictures


@pytest.fixture(scope="module")
def drawn():
    return brush.make("k49", "train", samples_per_class=100)


def test_images_are_characters_on_black(drawn):
    inked = (drawn.images > 128).mean(axis=(1, 2))
    assert inked.min() > 0.01
    assert inked.max() < 0.75
    assert 0.1 < inked.mean() < 0.3
    assert set(drawn.images.max(axis=(1, 2))) == {255}
    assert (drawn.images == 0).mean() > 0.5


def test_characters_fill_the_longer_side_as_the_real_ones_do(drawn):
    inked = drawn.images > 64
    assert np.median(np.maximum(extent(inked.any(axis=2)), extent(inked.any(axis=1)))) >= 27


def test_no_two_samples_of_a_class_are_alike(drawn):
    assert len({image.tobytes() for image in drawn.images}) == len(drawn)


def test_forms_of_a_kana_differ_more_than_samples_of_one_form():
    atlas, rng = brush._atlas(), np.random.default_rng(0)
    assert len(set(brush._choose(atlas, "つ", rng).tolist())) > 8


def test_ink_and_size_are_near_the_real_ones(real_data):
    drawn = brush.make("kmnist", "train", samples_per_class=200)
    with np.load(real_data / "kmnist6k" / "kmnist-train-imgs.npz") as arrays:
        real = arrays["arr_0"]
    assert drawn.images.mean() == pytest.approx(real.mean(), rel=0.12)
    assert drawn.images.std() == pytest.approx(real.std(), rel=0.1)
    for axis in (1, 2):
        extents = [extent((images > 64).any(axis=axis)).mean() for images in (drawn.images, real)]
        assert extents[0] == pytest.approx(extents[1], rel=0.08)
