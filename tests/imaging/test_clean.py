"""What is not writing is taken off a scan, and nothing else."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from kuzushiji.imaging.clean import clean
from kuzushiji.imaging.colour import gray_of_writing
from kuzushiji.imaging.cut import cut_character

SIZE = (28, 28)


def written(paper: int = 230, ink: int = 30) -> np.ndarray:
    """Strokes of a brush, with room around them."""
    image = Image.new("L", (200, 200), paper)
    pen = ImageDraw.Draw(image)
    pen.line([(60, 50), (140, 45), (90, 150)], ink, 13, "curve")
    pen.line([(110, 90), (150, 140), (70, 120)], ink, 9, "curve")
    return np.asarray(image).copy()


def cut(gray: np.ndarray) -> np.ndarray:
    found = cut_character(clean(gray).gray, SIZE)
    assert found is not None
    return found


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def black_edge(gray):
    return np.pad(gray, 7, constant_values=5)


def black_side(gray):
    return np.pad(gray, ((0, 0), (18, 0)), constant_values=5)


def gutter(gray):
    return (gray * np.concatenate([np.linspace(0.1, 1, 40), np.ones(160)])).astype(np.uint8)


def rules(gray):
    gray = gray.copy()
    gray[:, 20:23] = gray[:, 170:172] = 30
    return gray


def frame(gray):
    image = Image.fromarray(gray)
    ImageDraw.Draw(image).rectangle((12, 20, 190, 184), outline=30, width=3)
    return np.asarray(image)


def hard_shadow(gray):
    y, x = np.mgrid[:200, :200]
    return np.where(x + y < 190, 0.5 * gray, gray).astype(np.uint8)


def soft_shadow(gray):
    return (gray * np.linspace(0.35, 1, 200)[:, None]).astype(np.uint8)


def negative(gray):
    return np.pad(255 - gray, 8, constant_values=250)


def behind(gray):
    gray = gray.copy()
    gray[100:180, 30:42] = np.minimum(gray[100:180, 30:42], 120)
    gray[160:172, 30:150] = np.minimum(gray[160:172, 30:150], 120)
    return gray


@pytest.mark.parametrize(
    "disguise", [black_edge, black_side, gutter, rules, frame, hard_shadow, soft_shadow, negative, behind]
)
def test_what_is_no_writing_is_taken_off(disguise) -> None:
    for turns in range(4):
        plain, shown = cut(np.rot90(written(), turns)), np.rot90(disguise(written()), turns)
        assert clean(shown).changed
        assert likeness(cut(shown), plain) > 0.9
        assert likeness(cut_character(shown, SIZE), plain) < 0.8, "it is in the way"


def test_an_image_without_such_things_stays_as_it_is() -> None:
    for shown in (written(), 255 - written(), written()[35:165, 45:165], np.full((50, 40), 200, np.uint8)):
        found = clean(shown)
        assert found.changed == ()
        assert found.gray is shown
    tight = written()[39:158, 55:156]
    assert likeness(cut(tight), cut_character(tight, SIZE)) > 0.97


def coloured(gray: np.ndarray, paper: tuple[int, ...], ink: tuple[int, ...]) -> np.ndarray:
    share = ((230 - gray.astype(float)) / 200)[..., None]
    return ((1 - share) * paper + share * ink).round().astype(np.uint8)


PAPER, BLACK, RED = (226, 206, 168), (42, 36, 32), (190, 45, 35)


def test_a_red_seal_is_taken_off_black_writing() -> None:
    shown = coloured(written(), PAPER, BLACK)
    seal = np.zeros((200, 200), bool)
    seal[90:96, 60:190] = seal[90:180, 60:66] = seal[120:180, 120:150] = True
    printed = np.where(seal[..., None], shown * (np.array(RED) / PAPER), shown).astype(np.uint8)
    assert likeness(cut(gray_of_writing(printed)), cut(written())) > 0.97
    assert likeness(cut(np.asarray(Image.fromarray(printed).convert("L"))), cut(written())) < 0.9


def test_writing_that_differs_from_its_paper_in_hue_alone_is_seen() -> None:
    shown = coloured(written(), (70, 120, 70), (200, 60, 60))
    assert np.ptp(np.asarray(Image.fromarray(shown).convert("L")).astype(int)) < 20
    assert likeness(cut(gray_of_writing(shown)), cut(written())) > 0.97


def test_all_else_is_gray_by_its_brightness() -> None:
    for paper, ink in ((PAPER, BLACK), (PAPER, RED), (BLACK, PAPER), ((240, 240, 240), (90, 70, 50))):
        shown = coloured(written(), paper, ink)
        assert likeness(cut(gray_of_writing(shown)), cut(written())) > 0.97
    shown = coloured(written(), PAPER, BLACK)
    assert (gray_of_writing(shown) == np.asarray(Image.fromarray(shown).convert("L"))).all()


def test_a_bold_character_that_is_cut_close_stays_as_it_is():
    """More than half of the crop is ink, and the grain of the paper leaves few pixels as bright as the brightest."""
    random = np.random.default_rng(0)
    ink = np.zeros((64, 60), bool)
    for top in (6, 18, 30, 42, 50):
        ink[top : top + 9, 7:52] = True
    ink[6:56, 24:36] = True
    gray = np.where(ink, random.normal(70, 5, ink.shape), random.normal(190, 12, ink.shape)).clip(0, 255)
    assert ink.mean() > 0.5
    for turned in (gray, 255 - gray):
        assert clean(turned.astype(np.uint8)).changed == ()
