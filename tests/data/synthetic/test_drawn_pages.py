"""Drawn pages: what is said to stand somewhere does, and the same numbers draw the same page."""

import numpy as np
import pytest

from kuzushiji.characters import kind
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.synthetic.brush import make
from kuzushiji.data.synthetic.drawn_pages import MAIN, RUBY, Glyphs, Layout, Material, draw_page, paper_of

CHARACTERS = "おきすつなはまやれを山川"


@pytest.fixture(scope="module")
def glyphs() -> Glyphs:
    kanji = np.zeros((2, 28, 28), np.uint8)
    kanji[:, 4:24, 6:22] = 255
    return Glyphs([make("kmnist", "train", samples_per_class=5), CharacterImages(kanji, np.arange(2), ("山", "川"))])


@pytest.fixture(scope="module")
def material(glyphs: Glyphs) -> Material:
    columns = [[900 - 150 * column, 200 + 130 * row, 100, 110] for column in range(5) for row in range(len(CHARACTERS))]
    layout = Layout(CHARACTERS * 5, np.array(columns, np.float32))
    papers = [np.full((300, 200), 230, np.uint8), np.full((200, 300), 200, np.uint8)]
    return Material([layout], glyphs, papers, [np.full((40, 30), 60, np.uint8)])


def test_the_same_seed_draws_the_same_page(material: Material) -> None:
    first, again, other = (draw_page(material, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.boxes, again.boxes)
    assert first.image.shape != other.image.shape or (first.image != other.image).any()


def test_characters_stand_on_the_page_and_are_darker_than_what_is_around_them(material: Material) -> None:
    darker = []
    for seed in range(12):
        page = draw_page(material, np.random.default_rng(seed), size=26)
        height, width = page.image.shape
        assert len(page.characters) == len(page.boxes) == len(page.roles)
        main = page.boxes[page.roles == MAIN]
        assert (main[:, :2] >= -1).all()
        assert (main[:, 0] + main[:, 2] <= width + 1).all()
        assert (main[:, 1] + main[:, 3] <= height + 1).all()
        assert 20 < np.sqrt(np.median(main[:, 2] * main[:, 3])) < 33
        for left, top, wide, high in main.round().astype(int).tolist():
            inside = page.image[max(0, top) : top + high, max(0, left) : left + wide]
            darker.append(np.percentile(inside, 5) < np.median(page.image) - 10)
    assert np.mean(darker) > 0.95


def test_ruby_stands_beside_kanji_and_is_smaller(material: Material) -> None:
    pages = [draw_page(material, np.random.default_rng(seed), size=26) for seed in range(30)]
    with_ruby = [page for page in pages if (page.roles == RUBY).any()]
    assert 5 < len(with_ruby) < 30
    for page in with_ruby:
        ruby = page.roles == RUBY
        assert np.median(page.boxes[ruby, 2]) < 0.6 * np.median(page.boxes[~ruby, 2])
        assert all(
            kind(character) == "kana" for character, is_ruby in zip(page.characters, ruby, strict=True) if is_ruby
        )


def test_a_character_without_an_image_is_drawn_as_another(glyphs: Glyphs) -> None:
    assert "龍" not in glyphs
    assert glyphs.draw("龍", np.random.default_rng(0)).max() > 0


def test_the_paper_of_a_page_has_no_ink_left() -> None:
    page = np.random.default_rng(0).normal(220, 3, (300, 200)).clip(0, 255).astype(np.uint8)
    boxes = np.array([[40, 30 + 40 * row, 30, 34] for row in range(6)], np.float32)
    for left, top, wide, high in boxes.astype(int).tolist():
        page[top : top + high, left : left + wide] = 20
    page[:, 150:152] = 30  # a rule, which is in no box
    paper = paper_of(page, boxes)
    assert paper.shape == page.shape
    assert paper.min() > 190
    assert abs(float(paper.mean()) - 220) < 4
