import pytest
import requests

from kuzushiji.cli import demo as demo_module
from kuzushiji.cli import main
from kuzushiji.cli import train as train_module
from kuzushiji.runs.run import all_runs


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(demo_module, "EPOCHS", 1)
    monkeypatch.setattr(demo_module, "IMAGES", 300)


@pytest.fixture
def unfinished(monkeypatch):
    """It trains a smaller network and stops before evaluation and report, for tests of which data it takes."""
    train_with_bar = train_module.train_with_bar
    monkeypatch.setattr(train_module, "train_with_bar", lambda _, data, **how: train_with_bar("nn_1", data, **how))
    monkeypatch.setattr(train_module, "finish", lambda run, *, report, json: None)


def test_without_data_it_takes_the_embedded_one(quick, capsys):
    assert main(["demo", "--offline"]) == 0
    captured = capsys.readouterr()
    (run,) = all_runs()
    assert run.config.data.name == "brush:kmnist"
    assert run.report_file.exists()
    assert str(run.report_file) in captured.out
    for step in ("1  data", "2  training", "3  evaluation and report"):
        assert step in captured.err
    assert f"kuzushiji runs info {run.name}" in captured.err


def test_a_host_that_does_not_answer_does_not_hold_it_up(quick, unfinished, monkeypatch, capsys):
    def no_answer(*_, **settings):
        assert settings["timeout"] <= 5
        raise requests.ConnectionError("no answer")

    monkeypatch.setattr(requests, "head", no_answer)
    assert main(["demo"]) == 0
    assert "can't be fetched at once" in capsys.readouterr().err


def test_real_data_is_taken_where_it_is(quick, unfinished, own_home, real_data, capsys):
    target = own_home / "data" / "kmnist6k"
    target.parent.mkdir(parents=True)
    target.symlink_to(real_data / "kmnist6k")
    assert main(["demo"]) == 0
    assert "kmnist6k is here" in capsys.readouterr().err
    assert all_runs()[0].config.data.name == "kmnist6k"
