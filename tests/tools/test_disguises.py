"""What scans make of characters: all networks are asked about one cut, and say what each says alone."""

import numpy as np
import pytest

import kuzushiji
from kuzushiji.reading.combined import Combined
from kuzushiji.reading.pretrained import ALL, pretrained
from kuzushiji.reading.recognizer import Recognizer
from tests.tools.loading import PROJECT, load_tool

pytestmark = pytest.mark.skipif(not set(ALL) <= set(pretrained()), reason=f"{', '.join(ALL)} do not all ship")


@pytest.fixture(scope="module")
def disguises():
    return load_tool("disguises", PROJECT / "benchmarks")


@pytest.fixture(scope="module")
def glyphs() -> kuzushiji.CharacterImages:
    return kuzushiji.load("brush:kmnist:1", "train")


def test_networks_that_are_asked_together_say_what_they_say_alone(disguises, glyphs) -> None:
    images = [disguises.disguised(glyphs.images, number, "black edge") for number in range(5)]
    images += [np.zeros((60, 60), np.uint8), disguises.disguised(glyphs.images, 0, "two in a column")]
    scans = [None, *(disguises.read_character(image) for image in images)]
    together = disguises.asked(["all", "page", "kmnist"], scans)
    for model, network in {"all": Combined(), "page": Recognizer("page"), "kmnist": Recognizer("kmnist")}.items():
        refused, *found = together[model]
        assert refused.blank
        for said, alone in zip(found, network(images, top=1), strict=True):
            assert (said.unsure, said.doubt, said.blank) == (alone.unsure, alone.doubt, alone.blank)
            assert [each.character for each in said] == [each.character for each in alone]
            assert [each.probability for each in said] == pytest.approx([each.probability for each in alone], abs=1e-5)


def test_of_several_characters_no_answer_is_right(disguises, glyphs, monkeypatch) -> None:
    monkeypatch.setattr(disguises, "test_images", lambda data: glyphs)
    right, sure = disguises.outcomes(["page"], "glyphs", "two in a column", np.arange(4))["page"]
    assert not right.any()
    assert sure.sum() < 4


def test_a_row_says_of_how_many_images_it_is(disguises, tmp_path) -> None:
    page = tmp_path / "page.md"
    disguises.write(page, "now", {"page on scans": {"plain": [90.0, 70.0, 0.5, 1000]}}, disguises.SEVERAL)
    disguises.write(page, "now", {"page on scans": {"frame": [80.0, 60.0, 0.0, 150]}}, disguises.SEVERAL)
    assert "| plain | 1,000 |  | 90.0 | 70.0 |  | 0.50 |" in page.read_text()
    assert "| frame | 150 |  | 80.0 | 60.0 |  | 0.00 |" in page.read_text()
