"""One answer over kana and kanji."""

import numpy as np
import pytest

import kuzushiji
from kuzushiji.reading.combined import Combined
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


def test_each_kind_is_as_probable_as_the_general_network_says(combined, glyphs) -> None:
    cuts = [np.stack(each) for each in zip(*(combined.cut(glyph) for glyph in glyphs), strict=True)]
    general, mixed = Recognizer(ALL[0]).probabilities(cuts[0]), combined.probabilities(cuts)
    for special in combined.special:
        kind = np.isin(combined.classes, special.classes)
        assert mixed[:, kind].sum(axis=1) == pytest.approx(general[:, kind].sum(axis=1), abs=1e-3)
    assert not np.allclose(mixed, general, atol=0.01)


def test_who_knows_one_kind_is_asked_only_of_that_kind(combined, glyphs, monkeypatch) -> None:
    cuts = [np.stack(each) for each in zip(*(combined.cut(glyph) for glyph in glyphs), strict=True)]
    asked = []
    for name, network in zip(ALL[1:], combined.special, strict=True):
        named = network.probabilities
        monkeypatch.setattr(
            network,
            "probabilities",
            lambda some, name=name, named=named: asked.append((name, len(some))) or named(some),
        )
    probabilities = combined.probabilities(cuts)
    for name, network in zip(ALL[1:], combined.special, strict=True):
        kind = np.isin(combined.classes, network.classes)
        may_be = probabilities[:, kind].sum(axis=1) >= probabilities[:, ~kind].max(axis=1)
        assert dict(asked).get(name, 0) == np.count_nonzero(may_be)
    assert dict(asked).get("kanji", 0) < len(glyphs)


def test_blank_images_and_doubts_have_their_places(combined, glyphs) -> None:
    cuts = [combined.cut(glyphs[0]), combined.cut(np.zeros((40, 40), np.uint8)), combined.cut(glyphs[1])]
    first, blank, last = combined.recognize_prepared(cuts, doubts=["", "", "several characters"])
    assert blank.blank
    assert (last.unsure, last.doubt) == (True, "several characters")
    assert first.doubt == ""
    assert first.unsure == (first[0].probability < combined.unsure_below)
