"""`kuzushiji study`."""

import json
import subprocess
import sys

import pytest

from kuzushiji.cli import main

MINE = """
title = "Two optimizers"
question = "Which optimizer?"
data = "{data}"
[shared]
model = "nn_1"
epochs = 2
validation_fraction = 0.25
[[trials]]
label = "Adam"
recipe = "keras_adam"
[[trials]]
label = "SGD"
recipe = "keras_sgd"
"""


@pytest.fixture
def mine(bars_folder, tmp_path):
    """A study of one's own."""
    path = tmp_path / "mine.toml"
    path.write_text(MINE.format(data=bars_folder.as_posix()), encoding="utf-8")
    return path


@pytest.mark.parametrize("arguments", [["study"], ["study", "--list"]])
def test_lists_the_studies(arguments, capsys):
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "twelve-networks" in printed
    assert "batch-sizes" in printed


def test_lists_them_as_json(capsys):
    assert main(["study", "--list", "--json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert listed["lenet-or-alexnet"]["trials"] == ["LeNet-5", "AlexNet"]


def test_runs_a_study_of_ones_own_and_goes_on_with_it(mine, tmp_path, own_home, capsys):
    docs = tmp_path / "docs"
    assert main(["study", str(mine), "--docs", str(docs)]) == 0
    captured = capsys.readouterr()
    folder = own_home / "studies" / "mine--bars"
    assert "Of 2 trials, " in captured.out
    assert str(folder / "report.html") in captured.out.replace("\n", "")
    assert "2 trainings" in captured.err
    assert captured.err.count("done    ") == 2
    assert (docs / "mine.md").exists()
    assert (docs / "mine" / "accuracies.svg").exists()

    assert main(["study", str(mine), "--json"]) == 0
    captured = capsys.readouterr()
    assert "2 of them done before" in captured.err
    answer = json.loads(captured.out)
    assert [trial["label"] for trial in answer["trials"]] == ["Adam", "SGD"]
    assert answer == json.loads((folder / "answer.json").read_text(encoding="utf-8"))


def test_a_key_that_has_another_name_today_is_told(mine, tmp_path, capsys):
    mine.write_text(mine.read_text() + '[[trials]]\nlabel = "first"\nteacher = true\ndata = "brush:kmnist"\n')
    assert main(["study", str(mine), "--only", "nothing"]) == 2
    assert "`teacher` is called `pretraining` today; rename it" in " ".join(capsys.readouterr().err.split())


def test_shrinks_it(mine, tmp_path, capsys):
    output = tmp_path / "out"
    shrunk = ["--epochs", "1", "--limit", "100", "--only", "SGD", "--seeds", "2", "--output", str(output)]
    assert main(["study", str(mine), *shrunk, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    (trial,) = answer["trials"]
    assert (trial["label"], len(trial["runs"])) == ("SGD", 2)
    config = json.loads((output / trial["runs"][0].rpartition("/")[2] / "config.json").read_text(encoding="utf-8"))
    assert (config["recipe"]["epochs"], config["dataset"]["limit"]) == (1, 100)
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "--only SGD --seeds 2 --epochs 1 --limit 100" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["twelve-netwroks"], "did you mean twelve-networks"),
        (["nothing.toml"], "there is no file nothing.toml"),
        (["losses", "--only", "cros-entropy at 0.1"], "did you mean cross-entropy"),
        (["losses", "--epochs", "0"], "epochs is 0"),
        (["losses", "--data", "brush:kmnist", "--jobs", "0"], "at least 1"),
        (["losses", "--data", "nowhere"], "nowhere"),
        (["losses", "--data", "brush:kmnist", "--device", "tpu"], "tpu"),
    ],
)
def test_wrong_usage_is_told_before_anything_runs(arguments, message, own_home, capsys):
    assert main(["study", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err.replace("\n", " ")
    assert not list(own_home.glob("studies/*/*/config.json"))


def test_a_wrong_file_is_told_before_anything_runs(mine, own_home, capsys):
    mine.write_text(mine.read_text().replace("recipe =", "recpie ="), encoding="utf-8")
    assert main(["study", str(mine)]) == 2
    error = capsys.readouterr().err
    assert "mine.toml: trial 1 ('Adam'): there is no key 'recpie'; did you mean recipe" in error.replace("\n", " ")
    assert not (own_home / "studies").exists()


@pytest.mark.parametrize("option", ["--output", "--docs"])
def test_a_file_for_a_folder_is_refused(mine, option, tmp_path, capsys):
    place = tmp_path / "place"
    place.write_text("mine")
    assert main(["study", str(mine), option, str(place)]) == 2
    assert "is a file" in capsys.readouterr().err
    assert place.read_text() == "mine"


def test_its_help_needs_no_heavy_imports():
    code = (
        "import sys; from kuzushiji.cli import main; main(['study', '--help']); main(['study', '--list']); "
        "main(['compare', '--help']); "
        "sys.exit(bool({'torch', 'matplotlib', 'sklearn', 'jinja2', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--jobs" in done.stdout
    assert "lenet-or-alexnet" in done.stdout
