"""Images of what a network does not know: of the asked size, of nothing known, the same for the same seed."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from kuzushiji.characters import K49, KMNIST, parents
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.synthetic import brush, foreign
from kuzushiji.errors import UsageError

FONTS = [Path(mpl.get_data_path()) / "fonts" / "ttf" / name for name in ("DejaVuSans.ttf", "DejaVuSerif-Italic.ttf")]


def marked(classes, each=3, side=6):
    """Images that are as bright as their label."""
    labels = np.repeat(np.arange(len(classes)), each)
    images = np.broadcast_to(labels[:, None, None], (len(labels), side, side)).astype(np.uint8)
    return CharacterImages(np.array(images), labels, tuple(classes))


@pytest.mark.parametrize("side", [12, 28, 64])
def test_what_is_drawn_has_the_size_and_is_the_same_for_the_same_seed(side):
    kinds = {
        "letters": lambda seed: foreign.letters(9, FONTS, side=side, seed=seed),
        "blots": lambda seed: foreign.blots(9, side=side, seed=seed),
        "noise": lambda seed: foreign.noise(9, side=side, seed=seed),
        "blank": lambda seed: foreign.blank(9, side=side, seed=seed),
    }
    for name, draw in kinds.items():
        images = draw(1)
        assert images.dtype == np.uint8, name
        assert images.shape == (9, side, side), name
        np.testing.assert_array_equal(images, draw(1), err_msg=name)
        assert (images != draw(2)).any(), name


def test_letters_are_ink_on_black_and_fill_their_frame():
    images = foreign.letters(40, FONTS, side=28)
    assert (np.median(images, axis=(1, 2)) < 60).mean() > 0.8, "most of a letter is paper"
    assert (images.max(axis=(1, 2)) > 200).all()
    rows, columns = (images > 60).any(axis=2).sum(axis=1), (images > 60).any(axis=1).sum(axis=1)
    assert (np.maximum(rows, columns) >= 22).all()
    with pytest.raises(UsageError, match="font"):
        foreign.letters(3, [], side=28)


def test_blank_paper_has_no_ink_and_blots_have_some():
    assert foreign.blank(50, side=28).max() < 40
    share = (foreign.blots(50, side=28) > 127).mean()
    assert 0.1 < share < 0.5


def test_strangers_are_neither_known_nor_forms_of_what_is():
    assert "於" in parents("お")
    data = marked("お於漢字")
    images = foreign.strangers(data, ("お",), 100, side=6)
    assert sorted(np.unique(images).tolist()) == [2, 3]
    assert len(images) == 6
    assert foreign.strangers(data, ("漢", "字", "於", "お"), 100, side=6).shape == (0, 6, 6)
    assert len(foreign.strangers(data, (), 5, side=6)) == 5
    assert foreign.strangers(data, (), 5, side=8).shape == (5, 8, 8)


def test_brush_strangers_are_no_known_kana():
    assert foreign.brush_strangers(K49, 10, side=28).shape == (0, 28, 28)
    kanji = {parent for kana in K49 for parent in parents(kana)}
    assert len(foreign.brush_strangers(kanji, 10, side=28)) == 0, "kana take the forms of kanji that are known"
    counts = brush.SHAPES["k49"].counts["test"]
    unknown = [count for kana, count in zip(K49, counts, strict=True) if kana not in KMNIST]
    drawn = foreign.brush_strangers(KMNIST, 10**6, side=12)
    assert drawn.shape == (sum(-(-count * foreign.BRUSH_SAMPLES // max(counts)) for count in unknown), 12, 12)


def test_turned_images_are_turned_each_by_a_quarter_or_more():
    images = np.random.default_rng(0).integers(0, 256, (60, 5, 5), dtype=np.uint8)
    turns = set()
    for image, found in zip(images, foreign.turned(images), strict=True):
        (turn,) = (quarter for quarter in range(4) if np.array_equal(np.rot90(image, quarter), found))
        turns.add(turn)
    assert turns == {1, 2, 3}
    assert foreign.turned(images[:0]).shape == (0, 5, 5)
