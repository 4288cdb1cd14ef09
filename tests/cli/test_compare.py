"""`kuzushiji compare`."""

import json

import pytest
from scipy.stats import binomtest

from kuzushiji.cli import main
from kuzushiji.home import runs_folder
from kuzushiji.records import as_plain
from kuzushiji.runs.recipe import named_recipe
from tests.plots.synthetic import KMNIST, make_images, make_run


@pytest.fixture
def runs():
    """Two runs that differ in their network, and a second seed of the first."""
    images = make_images(KMNIST, 200)
    second = as_plain(named_recipe("lenet5").change(epochs=5, seed=1))
    model = {"name": "alexnet", "options": {}, "parameters": 1, "image_size": [28, 28]}
    return [
        make_run(runs_folder() / "one-0", images, accuracy=0.9),
        make_run(runs_folder() / "one-1", images, accuracy=0.85, recipe=second),
        make_run(runs_folder() / "other", images, accuracy=0.6, model=model),
    ]


def test_compares_every_run_with_every_other(runs, capsys):
    assert main(["compare", "one-0", "other", "one-1", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["images"] == 200
    assert list(printed["accuracies"]) == ["one-0", "one-1", "other"]
    pairs = [(each["first"], each["second"]) for each in printed["comparisons"]]
    assert pairs == [("one-0", "one-1"), ("one-0", "other"), ("one-1", "other")]
    compared = printed["comparisons"][1]
    right = [run.predictions().predicted == run.predictions().labels for run in (runs[0], runs[2])]
    counts = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    assert (compared["only_first"], compared["only_second"]) == counts
    assert compared["p_value"] == pytest.approx(binomtest(counts[0], sum(counts)).pvalue)
    assert compared["p_adjusted"] == pytest.approx(min(1, 2 * compared["p_value"]), rel=0.6)


def test_prints_tables(runs, capsys):
    assert main(["compare", "one-0", "other"]) == 0
    captured = capsys.readouterr()
    assert "one-0" in captured.out
    assert "95% interval" in captured.out
    assert "McNemar" in captured.err


def test_takes_seeds_together(runs, capsys):
    assert main(["compare", "one-0", "one-1", "other", "--seeds", "--json"]) == 0
    (compared,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert (compared["first"], compared["seeds"]) == ("one-0 and 1 more", [2, 1])
    assert main(["compare", "one-0", "one-1", "--seeds"]) == 2
    assert "nothing but the seed" in capsys.readouterr().err


def test_compares_with_one_run_alone(runs, capsys):
    assert main(["compare", "one-0", "one-1", "--against", "other", "--json"]) == 0
    pairs = [(each["first"], each["second"]) for each in json.loads(capsys.readouterr().out)["comparisons"]]
    assert pairs == [("one-0", "other"), ("one-1", "other")]
    assert main(["compare", "one-0", "one-1", "--against", "one-0", "--json"]) == 0
    pairs = [(each["first"], each["second"]) for each in json.loads(capsys.readouterr().out)["comparisons"]]
    assert pairs == [("one-1", "one-0")]


def test_measures_the_ensemble(runs, capsys):
    assert main(["compare", "one-0", "other", "--ensemble", "--json"]) == 0
    assert "ensemble" in json.loads(capsys.readouterr().out)["accuracies"]


def test_lists_the_images_on_which_two_divide(runs, capsys):
    assert main(["compare", "one-0", "other", "--images", "--json"]) == 0
    (compared,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert len(compared["divided"]) == compared["only_first"] + compared["only_second"]
    first, second = runs[0].predictions(), runs[2].predictions()
    for each in compared["divided"]:
        row = first.ids.tolist().index(each["image"])
        assert each["actual"] == KMNIST[first.labels[row]]
        assert (each["first"], each["second"]) == (KMNIST[first.predicted[row]], KMNIST[second.predicted[row]])
        assert (each["first"] == each["actual"]) != (each["second"] == each["actual"])
    assert main(["compare", "one-0", "other", "--images"]) == 0
    assert f"{len(compared['divided'])} images on which one-0 and other divide" in capsys.readouterr().out
    assert main(["compare", "one-0", "one-1", "other", "--seeds", "--images"]) == 2
    assert "--images or --seeds" in capsys.readouterr().err


@pytest.mark.parametrize("names", [[], ["one-0"], ["one-0", "one-0"]])
def test_one_run_has_nothing_to_be_compared_with(runs, names, capsys):
    assert main(["compare", *names]) == 2
    assert "two runs or more" in capsys.readouterr().err


def test_other_images_can_not_be_compared(runs, capsys):
    make_run(runs_folder() / "elsewhere", make_images(KMNIST, 90))
    assert main(["compare", "one-0", "elsewhere"]) == 2
    assert "did not predict the same images" in capsys.readouterr().err.replace("\n", " ")


def test_an_unfinished_run_and_one_without_predictions_are_told(runs, capsys):
    runs[0].weights_file.unlink()
    assert main(["compare", "one-0", "other"]) == 1
    assert "one-0 is not finished" in capsys.readouterr().err
    assert main(["compare", "one-1", "other", "--on", "validation"]) == 1
    assert "one-1: " in capsys.readouterr().err
