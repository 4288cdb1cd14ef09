from types import ModuleType

import numpy as np
import pytest
import torch

from kuzushiji.characters import K49
from tests.tools.loading import load_tool

CLASSES = ("龍", "か", "が", "ば", "す", "ミ")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    return load_tool("teach_page")


def test_classes_of_kana_are_those_that_they_are_written_like(tool: ModuleType) -> None:
    named = [K49[column] if column >= 0 else "" for column in tool.kana_columns(CLASSES).tolist()]
    assert named == ["", "か", "か", "は", "す", ""]


def test_each_class_of_the_teachers_is_one_of_the_network(tool: ModuleType) -> None:
    """What no class stood for could not be learnt, and would pull at all others: ゝ is no kana by its kind."""
    assert tool.kana_columns(K49).tolist() == list(range(len(K49)))


def test_what_a_network_says_of_kana_adds_up(tool: ModuleType) -> None:
    torch.manual_seed(0)
    logits = 5 * torch.randn(4, len(CLASSES))
    columns = tool.kana_columns(CLASSES)
    summed = tool.within(logits, columns).softmax(1)
    plain = logits.softmax(1)
    kana = plain[:, columns >= 0].sum(1)
    assert torch.allclose(summed[:, K49.index("か")], plain[:, 1:3].sum(1) / kana, atol=1e-5)
    assert (tool.divergence(tool.within(logits, columns), tool.within(logits, columns).log_softmax(1)) < 1e-4).all()


def test_a_batch_has_labelled_images_and_mixtures_of_two_kana(tool: ModuleType) -> None:
    labels = np.array([0, 1, 1, 4])
    images = np.zeros((4, 64, 64), np.uint8)
    images[0, 8:56, 8:56] = 255  # the kanji, which no mixture holds
    images[1:, 20:44, 20:44] = 100
    kana = np.array([1, 2, 3])
    one = tool.Set(1.0, images, labels, np.arange(4), kana)
    batch, of_plain = tool.drawn([one], tool.RECIPE, np.random.default_rng(0))
    assert len(batch) == tool.RECIPE.batch_size
    assert len(of_plain) == tool.RECIPE.batch_size - round(tool.MIXED * tool.RECIPE.batch_size)
    assert set(of_plain.tolist()) == {0, 1, 4}
    assert batch[len(of_plain) :].max() < 0.5
    assert batch[: len(of_plain)].max() > 0.9
