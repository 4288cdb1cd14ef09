"""Below which probability an answer is unsure, chosen by other images than those that are measured."""

import numpy as np
import pytest

from tests.tools.loading import PROJECT, load_tool


@pytest.fixture(scope="module")
def caution():
    return load_tool("caution", PROJECT / "benchmarks")


def answers(*wrong: float) -> tuple[np.ndarray, np.ndarray]:
    """A hundred answers, wrong ones with these probabilities and the others right and sure."""
    probability = np.full(100, 0.999)
    probability[: len(wrong)] = wrong
    return probability, np.arange(100) >= len(wrong)


def test_the_least_probability_keeps_the_sure_and_wrong_few_in_every_disguise(caution) -> None:
    assert caution.least_probability([answers()]) == (0.5, 0)
    assert caution.least_probability([answers(), answers(0.705, 0.8)]) == (0.71, 0.01)
    assert caution.least_probability([answers(0.9, 0.905, 0.95), answers(0.6, 0.6)]) == (0.91, 0.01)
    assert caution.least_probability([answers(0.995, 0.995)]) == (1.0, 0.02)


def test_chosen_and_measured_images_are_others(caution, monkeypatch) -> None:
    test = caution.kuzushiji.load("brush:kmnist:40", "train")
    monkeypatch.setattr(caution.kuzushiji, "load", lambda data, split: test)
    monkeypatch.setitem(caution.unmeasured.__globals__, "COUNT", 150)
    chosen = caution.images_of(["page"], "kmnist6k", 100)
    assert len(chosen) == 100
    assert not set(chosen.ids) & set(test.ids[caution.even(len(test), 150)])
    with pytest.raises(SystemExit, match="not the images that kmnist set apart"):
        caution.images_of(["kmnist"], "kmnist6k", 100)


def test_what_kmnist_set_apart_is_found_again(caution, real_data, monkeypatch) -> None:
    folder = real_data / "kmnist6k"
    load = caution.kuzushiji.load
    monkeypatch.setattr(caution.kuzushiji, "load", lambda data, split: load(folder, split))
    assert len(caution.images_of(["kmnist"], "kmnist6k", 0)) == 313
