import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kuzushiji.cli import main
from kuzushiji.report.results import read_results
from kuzushiji.runs.run import find_run
from tests.bars import write_bars


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "kuzushiji", *arguments]


def test_trains_evaluates_and_reports(bars_folder, capsys):
    assert main(["train", "nn_1", "--data", str(bars_folder), "--epochs", "3", "--run", "mine"]) == 0
    run = find_run("mine")
    captured = capsys.readouterr()
    assert str(run.report_file) in captured.out
    assert "epoch   3" in captured.err
    assert "epoch" not in captured.out
    assert run.report_file.stat().st_size > 10_000

    assert main(["evaluate", "mine", "--json"]) == 0
    evaluated = json.loads(capsys.readouterr().out)
    assert evaluated["run"] == "mine"
    predictions = run.predictions()
    accuracy = (predictions.predicted == predictions.labels).mean()
    assert evaluated["evaluation"]["accuracy"]["value"] == pytest.approx(accuracy)


def test_json_alone_on_stdout(bars_folder, capsys):
    assert main(["train", "nn_1", "--data", str(bars_folder), "--epochs", "1", "--no-report", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert Path(printed["path"], "model.safetensors").exists()
    assert len(printed["epochs"]) == 1


def test_evaluates_on_other_data(bars_folder, capsys):
    main(["train", "nn_1", "--data", str(bars_folder), "--epochs", "1", "--no-report", "--run", "mine"])
    other = bars_folder.with_name("other")
    bars_folder.rename(other)
    capsys.readouterr()
    assert main(["evaluate", "mine", "--data", str(other), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["evaluation"]["count"] == 80
    assert find_run("mine").predictions_file("other-test").exists()


def test_mistakes_are_listed(bars_folder, capsys):
    main(["train", "nn_1", "--data", str(bars_folder), "--epochs", "1", "--no-report", "--run", "mine"])
    predictions = find_run("mine").predictions()
    wrong = int((predictions.predicted != predictions.labels).sum())
    capsys.readouterr()
    assert main(["evaluate", "mine", "--mistakes", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["mistakes"]
    assert sum(each["wrong"] for each in listed) == wrong
    assert sum(found["count"] for each in listed for found in each["taken_for"]) == wrong
    assert main(["evaluate", "mine", "--mistakes"]) == 0
    assert f"{wrong} of 80 images were taken for another character" in capsys.readouterr().out


def test_predictions_that_were_lost_are_made_again(bars_folder, capsys):
    main(["train", "nn_1", "--data", str(bars_folder), "--epochs", "1", "--no-report", "--run", "mine"])
    run = find_run("mine")
    before = run.predictions().logits
    run.predictions_file().unlink()
    assert main(["evaluate", "mine"]) == 0
    np.testing.assert_array_equal(run.predictions().logits, before)


def test_rare_characters_as_one_class(bars_folder, capsys):
    """Of the 60 images of each digit a few are taken away, so that the last digits are rare."""
    labels = np.load(bars_folder / "bars-train-labels.npz")["arr_0"]
    kept = np.concatenate([np.flatnonzero(labels == label)[:count] for label, count in enumerate((60, 50, 9, 4))])
    images = np.load(bars_folder / "bars-train-imgs.npz")["arr_0"]
    np.savez(bars_folder / "bars-train-labels.npz", labels[kept])
    np.savez(bars_folder / "bars-train-imgs.npz", images[kept])
    assert main(["train", "nn_1", "--data", str(bars_folder), "--epochs", "1", "--cover", "0.8", "--run", "mine"]) == 0
    run = find_run("mine")
    assert run.config.classes == ("0", "1", "rare")
    page = run.report_file.read_text(encoding="utf-8")
    assert "2 characters with 13 training images count as one, “rare”" in page
    assert "could not be had" not in page, "the report finds the test images although their labels were merged"
    run.predictions_file().unlink()
    capsys.readouterr()
    assert main(["evaluate", "mine", "--json"]) == 0
    classes = json.loads(capsys.readouterr().out)["evaluation"]["per_class"]
    assert [(each["character"], each["support"]) for each in classes] == [("0", 20), ("1", 20), ("rare", 40)]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "say which network"),
        (["nn_1"], 2, "say which network"),
        (["nn_one", "--data", "bars"], 2, "did you mean"),
        (["nn_1", "--data", "no-such-set"], 2, "no-such-set"),
        (["nn_1", "--data", "no/such/folder"], 1, "no/such/folder"),
        (["nn_1", "--data", "bars", "--lr", "-1"], 2, "lr"),
        (["nn_1", "--data", "bars", "--lr", "fast"], 2, "--lr"),
        (["nn_1", "--data", "bars", "--lrr", "1"], 2, "--lr"),
        (["nn_1", "--data", "bars", "--loss", "hinge"], 2, "cross_entropy"),
        (["nn_1", "--data", "bars", "--recipe", "keras"], 2, "keras_adam"),
        (["nn_1", "--data", "bars", "--option", "width"], 2, "NAME=VALUE"),
        (["nn_1", "--data", "bars", "--device", "tpu"], 2, "tpu"),
        (["nn_1", "--data", "bars", "--cover", "90"], 2, "at most 1"),
        (["nn_1", "--data", "bars", "--cover", "0.9", "--rare-below", "5"], 2, "one of them"),
        (["nn_1", "--data", "brush:kmnist", "--unfrozen", "0"], 2, "random weights"),
        (["nn_1", "--data", "brush:kmnist", "--from", "nothing"], 2, "no run"),
        (["nn_1", "--data", "brush:kmnist", "--weights", "nothing.pth"], 2, "nothing.pth is no file"),
        (["--resume", "nothing"], 2, "no run"),
        (["--resume", "nothing", "--unfrozen", "0"], 2, "--resume goes on"),
        (["nn_1", "--resume", "nothing"], 2, "--resume"),
    ],
)
def test_wrong_usage_is_told(arguments, code, message, capsys):
    assert main(["train", *arguments]) == code
    captured = capsys.readouterr()
    assert message in " ".join(captured.err.split())
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_help_imports_nothing_heavy():
    script = (
        "import sys; from kuzushiji.cli import main; main(['--help']); main(['train', '--help']);"
        "print([name for name in ('torch', 'matplotlib', 'sklearn') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "--label-smoothing" in done.stdout


LONG = ("--epochs", "200", "--no-report")


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory):
    """A home with a run by the name of each signal, which ended it in the middle, and one that was let be.

    Gives the home and, by signal, the exit code and what stood on stderr.
    """
    folder = tmp_path_factory.mktemp("cut_off")
    train = command("train", "nn_1", "--data", str(write_bars(folder / "bars")))
    environment = {**os.environ, "KUZUSHIJI_HOME": str(folder)}
    # Side by side, for most of their time goes into starting.
    processes = {
        how: subprocess.Popen([*train, *LONG, "--run", how.name], stderr=subprocess.PIPE, text=True, env=environment)
        for how in SIGNALS
    }
    waiting, deadline = set(SIGNALS), time.monotonic() + 180
    while waiting and time.monotonic() < deadline:
        for how in sorted(waiting):
            assert processes[how].poll() is None, processes[how].stderr.read()
            metrics = folder / "runs" / how.name / "metrics.jsonl"
            if metrics.exists() and len(metrics.read_text().splitlines()) >= 3:
                processes[how].send_signal(how)
                waiting.remove(how)
        time.sleep(0.02)
    assert not waiting, "the training did not get so far"
    ended = {}
    for how, process in processes.items():
        with process:
            errors = process.stderr.read()
        ended[how] = (process.returncode, errors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUZUSHIJI_HOME", str(folder))
        assert main([*train[3:], *LONG, "--run", "unbroken"]) == 0
    return folder, ended


@pytest.mark.parametrize("how", SIGNALS)
def test_cut_off_and_resumed_ends_with_the_same_bits(cut_off, how, monkeypatch):
    folder, ended = cut_off
    monkeypatch.setenv("KUZUSHIJI_HOME", str(folder))
    code, errors = ended[how]
    if how == signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert code == 130
        assert f"kuzushiji train --resume {how.name}" in " ".join(errors.split())
        assert "Traceback" not in errors
    run, unbroken = find_run(how.name), find_run("unbroken")
    assert not run.finished
    assert main(["train", "--resume", how.name, "--no-report"]) == 0
    assert len(run.metrics) == 200
    assert run.weights_file.read_bytes()[-20_000:] == unbroken.weights_file.read_bytes()[-20_000:]
    np.testing.assert_array_equal(run.predictions().logits, unbroken.predictions().logits)


def test_the_same_run_name_twice_is_refused(bars_folder, capsys):
    arguments = ["train", "nn_1", "--data", str(bars_folder), "--epochs", "1", "--no-report", "--run", "mine"]
    assert main(arguments) == 0
    assert main(arguments) == 2
    assert "exists already" in " ".join(capsys.readouterr().err.split())


def test_runs_are_listed_described_and_removed(bars_folder, tmp_path, capsys):
    assert main(["runs"]) == 0
    assert "no runs yet" in capsys.readouterr().err
    for seed in ("0", "1"):
        main(["train", "nn_1", "--data", str(bars_folder), "--epochs", "1", "--no-report", "--run", f"seed-{seed}",
              "--seed", seed])  # fmt: skip
    capsys.readouterr()
    assert main(["runs", "--json"]) == 0
    assert [run["name"] for run in json.loads(capsys.readouterr().out)] == ["seed-0", "seed-1"]
    assert main(["runs", "info", "seed-1"]) == 0
    assert "seed-1" in capsys.readouterr().out
    assert main(["runs", "path", "seed-1"]) == 0
    assert Path(capsys.readouterr().out.strip()).is_dir()
    assert main(["runs", "info", "seed"]) == 2
    capsys.readouterr()

    assert main(["results", "seed-*"]) == 0
    page = capsys.readouterr().out
    assert "±" in page, "two seeds become one line with a deviation"
    assert page.count("| `nn_1` |") == 3, "in the first table, in that of more figures and in that of certainty"
    assert f"kuzushiji train nn_1 --data {bars_folder.name} --epochs 1 --seed 1" in page

    assert main(["results", "seed-0", "--add"]) == 2
    assert "--output" in capsys.readouterr().err
    data, page = tmp_path / "mine.json", tmp_path / "mine.md"
    for name in (data, page):
        assert main(["results", "seed-0", "--add", "--output", str(name)]) == 0
    assert [len(each.rows) for each in read_results(data).data] == [1], "the row is kept once"
    assert page.read_bytes().count(b"| `nn_1` |") == 3
    data.write_bytes(b"\xff")
    assert main(["results", "seed-0", "--add", "--output", str(data)]) == 1
    assert data.read_bytes() == b"\xff", "a file that can't be read is left alone"
    data.unlink()
    assert main(["results", "seed-0", "--add", "--output", str(page)]) == 1
    assert not data.exists(), "the rows of a page whose data is gone would be lost"
    assert main(["results", "seed-0", "--output", str(tmp_path / "page.html")]) == 2
    assert "ending '.html'" in capsys.readouterr().err

    assert main(["runs", "remove", "seed-1"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert main(["runs", "remove", "seed-1", "--yes"]) == 0
    capsys.readouterr()
    assert main(["runs", "--json"]) == 0
    assert [run["name"] for run in json.loads(capsys.readouterr().out)] == ["seed-0"]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", b""),
        ("config.json", b"{}"),
        ("metrics.jsonl", b'{"epoch": 1, "seco'),
        ("metrics.jsonl", b'{"epoch": 1}\n'),
        ("metrics.jsonl", b"\xff\n[]\n"),
        ("predictions.npz", b""),
    ],
)
def test_a_damaged_run_hides_no_other(two_runs, tmp_path, monkeypatch, capsys, file, content):
    home = tmp_path / "home"
    shutil.copytree(two_runs, home)
    monkeypatch.setenv("KUZUSHIJI_HOME", str(home))
    (home / "runs" / "seed-1" / file).write_bytes(content)
    (home / "runs" / "seed-1" / "evaluation.json").unlink()
    assert main(["runs", "--json"]) == 0
    listed = {run["name"]: run["state"] for run in json.loads(capsys.readouterr().out)}
    assert listed == {"seed-0": "finished", "seed-1": "damaged"}
    assert main(["runs"]) == 0
    assert "seed-1 is damaged" in capsys.readouterr().err
    assert main(["results"]) == 0
    assert capsys.readouterr().out.count("| `nn_1` |") == 3


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    """A home with two finished runs."""
    home = tmp_path_factory.mktemp("two")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUZUSHIJI_HOME", str(home))
        bars = write_bars(home / "bars")
        for seed in "01":
            arguments = ["--epochs", "1", "--no-report", "--run", f"seed-{seed}", "--seed", seed]
            assert main(["train", "nn_1", "--data", str(bars), *arguments]) == 0
    return home


def test_a_run_that_was_killed_before_its_report_is_finished(two_runs, tmp_path, monkeypatch, capsys):
    home = tmp_path / "home"
    shutil.copytree(two_runs, home)
    monkeypatch.setenv("KUZUSHIJI_HOME", str(home))
    run = find_run("seed-0")
    weights = run.weights_file.read_bytes()
    run.evaluation_file.unlink()
    assert main(["train", "--resume", "seed-0"]) == 0
    assert run.report_file.exists()
    assert run.evaluation_file.exists()
    assert run.weights_file.read_bytes() == weights
    assert main(["train", "--resume", "seed-0"]) == 1
    assert "is finished" in " ".join(capsys.readouterr().err.split())


def test_results_without_runs_is_wrong_usage(capsys):
    assert main(["results"]) == 2
    assert "no finished run" in capsys.readouterr().err


def test_the_mean_over_shifted_images_is_kept_beside_the_plain_one(bars_folder, capsys):
    main(["train", "nn_1", "--data", str(bars_folder), "--epochs", "3", "--no-report", "--run", "mine"])
    capsys.readouterr()
    found = {}
    for flags in ([], ["--tta"]):
        assert main(["evaluate", "mine", "--json", *flags]) == 0
        found[bool(flags)] = json.loads(capsys.readouterr().out)
    assert (found[False]["data"], found[True]["data"]) == ("test", "test-tta")
    run = find_run("mine")
    assert not np.array_equal(run.predictions("test-tta").logits, run.predictions().logits)
    assert found[True]["evaluation"]["count"] == 80
    validation = run.predictions("validation")
    assert np.array_equal(run.predictions("validation-tta").ids, validation.ids)
    assert found[True]["calibration"]["fitted_on"] == len(validation), "the temperature is that of shifted images"
    assert main(["evaluate", "mine", "--tta", "--outliers"]) == 2
    assert "leave out --data and --tta" in " ".join(capsys.readouterr().err.split())
