"""One answer over kana and kanji."""

import numpy as np
import pytest

import kuzushiji
from kuzushiji.reading.combined import MIXING, Combined
from kuzushiji.reading.pretrained import ALL, pretrained
from kuzushiji.reading.recognizer import Recognizer

pytestmark = pytest.mark.skipif(not set(ALL) <= set(pretrained()), reason=f"{', '.join(ALL)} do not all ship")


@pytest.fixture(scope="module")
def glyphs() -> list[np.ndarray]:
    """Bright on black, with room around them."""
    return [np.pad(glyph, 10) for glyph in kuzushiji.load("brush:kmnist:1", "train").images]


@pytest.fixture(scope="module")
def combined() -> Combined:
    return Combined()


def test_an_image_gets_one_answer_and_all_its_candidates_together_are_certain(glyphs) -> None:
    found = kuzushiji.recognize(glyphs, top=4000)
    assert len(found) == len(glyphs)
    for answer in found:
        assert answer.model == "+".join(ALL)
        assert sum(each.probability for each in answer.recognition) == pytest.approx(1, abs=1e-3)
        characters = [each.character for each in answer.recognition]
        assert len(set(characters)) == len(characters)


@pytest.fixture
def general(combined) -> np.ndarray:
    """Of two images: a kana that may be a kanji, and a kanji that may be neither."""
    probabilities = np.full((2, len(combined.classes)), 1e-9, np.float32)
    for row, shares in enumerate(({"や": 0.6, "夜": 0.4}, {"夜": 0.7, "屋": 0.2, "い": 0.1})):
        for character, share in shares.items():
            probabilities[row, combined.classes.index(character)] = share
    return probabilities


def of_kinds(combined, probabilities) -> list[np.ndarray]:
    kinds = [np.isin(combined.classes, special.classes) for special in combined.special]
    return [probabilities[:, kind].sum(axis=1) for kind in (*kinds, ~(kinds[0] | kinds[1]))]


def test_each_kind_is_as_probable_as_the_general_network_says_where_the_others_know_nothing_of_the_image(
    combined, general
) -> None:
    mixed = combined.mixed(general, lambda number, some: np.zeros((len(some), len(combined.special[number].classes))))
    for said, expected in zip(of_kinds(combined, mixed), of_kinds(combined, general), strict=True):
        assert said == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(("knows", "other"), [("kanji", "kana"), ("kmnist", "kanji")])
def test_a_kind_is_likelier_where_the_network_that_knows_it_finds_what_it_has_learnt(
    combined, general, knows, other
) -> None:
    names, mixing = [each.path.stem for each in combined.special], MIXING[knows]

    def ask(number: int, some: np.ndarray) -> np.ndarray:
        logits = np.zeros((len(some), len(combined.special[number].classes)))
        logits[:, 0] = mixing.above + 1 if names[number] == knows else 0
        return logits

    before, after = (
        dict(zip(names, of_kinds(combined, each), strict=False)) for each in (general, combined.mixed(general, ask))
    )
    odds = (after[knows][0] / after[other][0]) / (before[knows][0] / before[other][0])
    assert odds == pytest.approx(np.exp(mixing.likelier), rel=1e-2)


def test_who_knows_one_kind_is_asked_only_of_what_may_be_of_it(combined, general) -> None:
    asked = {}

    def ask(number: int, some: np.ndarray) -> np.ndarray:
        asked[combined.special[number].path.stem] = some.tolist()
        return np.zeros((len(some), len(combined.special[number].classes)))

    combined.mixed(general, ask)
    assert asked == {"kanji": [0, 1], "kana": [0, 1], "kmnist": [0]}


def test_the_answers_of_both_are_mixed(combined, glyphs) -> None:
    cuts = [np.stack(each) for each in zip(*(combined.cut(glyph) for glyph in glyphs), strict=True)]
    assert not np.allclose(combined.probabilities(cuts), Recognizer(ALL[0]).probabilities(cuts[0]), atol=0.01)


def test_blank_images_and_doubts_have_their_places(combined, glyphs) -> None:
    cuts = [combined.cut(glyphs[0]), combined.cut(np.zeros((40, 40), np.uint8)), combined.cut(glyphs[1])]
    first, blank, last = combined.recognize_prepared(cuts, doubts=["", "", "several characters"])
    assert blank.blank
    assert (last.unsure, last.doubt) == (True, "several characters")
    assert first.doubt == ""
    assert first.unsure == (first[0].probability < combined.unsure_below)
