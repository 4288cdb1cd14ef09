"""Sweeps over networks so small that a trial takes a tenth of a second."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest

from kuzushiji.cli import main
from kuzushiji.errors import Interrupted, KuzushijiError, UsageError
from kuzushiji.processes import Ended
from kuzushiji.runs.run import find_run
from kuzushiji.sweep.results import SweepResult, sweep_result
from kuzushiji.sweep.settings import Sweep
from kuzushiji.sweep.storage import OpenSweep, open_sweep
from kuzushiji.sweep.trials import SweepWatch, run_trials
from kuzushiji.sweep.workers import run_workers
from kuzushiji.training.experiment import TrainingWatch
from kuzushiji.training.trackers import tracking_folder

GRID = {"lr": "0.001,0.01", "optimizer": "sgd,adamw"}
QUICK = {"validation_fraction": 0.25, "epochs": 1}


@pytest.fixture(scope="module")
def searched(bars_folder, tmp_path_factory) -> tuple[OpenSweep, SweepResult]:
    """16 trials over learning rates of eight decades, of which two are any good; Nesterov's momentum does nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUZUSHIJI_HOME", str(tmp_path_factory.mktemp("searched")))
        settings = Sweep(
            "nn_1",
            str(bars_folder),
            {"lr": "1e-7..10 log", "nesterov": "yes,no"},
            fixed={"validation_fraction": 0.25, "epochs": 4, "optimizer": "adamw", "batch_size": 16},
        )
        sweep = open_sweep("searched", settings)
        run_trials(sweep, trials=16)
        return sweep, sweep_result(sweep)


def test_a_planted_optimum_is_found(searched):
    _, result = searched
    assert len(result.trials) == 16
    assert result.best.value > 0.9
    assert 1e-4 < result.best.params["lr"] < 0.3
    assert next(iter(result.importance)) == "lr"
    assert sum(result.importance.values()) == pytest.approx(1)


def test_bad_trials_are_ended_early_and_leave_nothing(searched):
    sweep, result = searched
    pruned = result.of("pruned")
    assert pruned
    for trial in pruned:
        assert max(trial.values) < 4
        assert trial.value == trial.values[max(trial.values)] < result.best.value
    assert all(max(trial.values) == 4 for trial in result.of("finished"))
    left = [path.name for path in (sweep.folder / "trials").iterdir()]
    assert left == [f"{result.best.number:04d}"], "of the run folders that of the best alone, and no lock"


def test_the_best_is_a_run_without_test_predictions_and_its_command_repeats_it(searched, bars_folder, tmp_path, capsys):
    """The data of the fixture has garbage for test images, so that no trial can have read them."""
    sweep, result = searched
    run = find_run(sweep.trial_folder(result.best.number))
    assert run.finished
    assert not run.predictions_file().exists()
    assert max(line["validation_accuracy"] for line in run.metrics) >= result.best.value
    assert run.metrics[-1]["validation_accuracy"] == result.best.value, "the recipe keeps the last epoch"

    whole = tmp_path / "bars"
    whole.mkdir()
    for path in bars_folder.iterdir():
        (whole / path.name).write_bytes(path.read_bytes())
    np.savez(whole / "bars-test-imgs.npz", np.load(whole / "bars-train-imgs.npz")["arr_0"][:20])
    command = shlex.split(result.best.command.replace(str(bars_folder), str(whole)))
    assert command[:3] == ["kuzushiji", "train", "nn_1"]
    assert main([*command[1:], "--no-report", "--json"]) == 0
    trained = json.loads(capsys.readouterr().out)
    for again, before in zip(trained["epochs"], run.metrics, strict=True):
        assert again["validation_loss"] == before["validation_loss"]
    assert trained["evaluation"]["count"] == 20


def test_the_conclusion_is_what_the_numbers_say(searched):
    _, result = searched
    finished, pruned = len(result.of("finished")), len(result.of("pruned"))
    assert (
        f"Of 16 trials, {finished} ran to the end and {pruned} got cut short by the pruner median." in result.conclusion
    )
    assert (
        f"The best, number {result.best.number}, has {result.best.value:.2%} validation accuracy" in result.conclusion
    )
    low, high = result.interval
    assert low <= result.best.value <= high
    assert "over the 40 images" in result.conclusion
    assert "What matters most is lr" in result.conclusion


def test_a_sweep_ends_the_same_whether_it_was_interrupted_or_not(searched, own_home):
    """Ctrl-C in the middle of the third trial; the trial goes on from its checkpoint, the sampler from its seed."""
    _, unbroken = searched
    sweep = open_sweep("mine", unbroken.settings)
    epochs = 0

    def interrupt(metrics: dict) -> None:
        nonlocal epochs
        epochs += 1
        if epochs == 10:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted, match="kuzushiji sweep --resume mine"):
        run_trials(sweep, trials=5, watch=SweepWatch(training=TrainingWatch(epoch=interrupt)))
    (interrupted,) = sweep_result(sweep).of("running")
    assert (interrupted.number, max(interrupted.values)) == (2, 2)

    run_trials(open_sweep("mine"))  # as many as it was to have
    result = sweep_result(open_sweep("mine"))
    assert [trial.values for trial in result.trials] == [trial.values for trial in unbroken.trials[:5]]
    assert [trial.params for trial in result.trials] == [trial.params for trial in unbroken.trials[:5]]


def test_a_sweep_of_the_same_name_goes_on_if_it_is_the_same(bars_folder):
    settings = Sweep("nn_1", str(bars_folder), {"lr": "0.001..0.1"}, fixed=QUICK, sampler="random")
    run_trials(open_sweep("mine", settings), trials=1)
    again = open_sweep("mine", settings)
    run_trials(again, trials=2)
    assert len(again.trials()) == 2
    for change in ({"search": {"lr": "0.001..0.2"}}, {"sampler": "tpe"}, {"fixed": {**QUICK, "epochs": 2}}):
        with pytest.raises(UsageError, match="--resume mine"):
            open_sweep("mine", replace(settings, **change))


def test_other_images_than_it_began_with_are_refused(bars_folder, tmp_path):
    settings = Sweep("nn_1", str(bars_folder), {"lr": "0.001,0.01"}, fixed=QUICK)
    run_trials(open_sweep("mine", settings), trials=1)
    other = tmp_path / "bars"
    other.mkdir()
    for path in bars_folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    np.savez(other / "bars-train-imgs.npz", 255 - np.load(bars_folder / "bars-train-imgs.npz")["arr_0"])
    with pytest.raises(KuzushijiError, match="not those with which the sweep began"):
        run_trials(open_sweep("mine", replace(settings, data=str(other))), trials=2)


@pytest.mark.parametrize(
    ("sampler", "pruner"),
    [("random", "none"), ("gp", "median"), ("qmc", "hyperband"), ("nsgaii", "successive_halving")],
)
def test_samplers_and_pruners(bars_folder, sampler, pruner):
    search = {"lr": "0.001..0.1 log", "batch_size": "16..64 step 16", "epochs": "1..3", "optimizer": "sgd,adam"}
    settings = Sweep("nn_1", str(bars_folder), search, {"validation_fraction": 0.25}, sampler=sampler, pruner=pruner)
    sweep = open_sweep("mine", settings)
    run_trials(sweep, trials=3)
    result = sweep_result(sweep)
    assert len({tuple(trial.params.values()) for trial in result.trials}) == 3
    for trial in result.trials:
        assert 0.001 <= trial.params["lr"] <= 0.1
        assert trial.params["batch_size"] in (16, 32, 48, 64)


def test_a_trial_that_diverges_does_not_end_the_sweep(bars_folder):
    settings = Sweep("nn_1", str(bars_folder), {"lr": "0.01,1e30"}, fixed=QUICK, sampler="grid", objective="loss")
    sweep = open_sweep("mine", settings)
    run_trials(sweep)
    result = sweep_result(sweep)
    assert sorted(trial.state for trial in result.trials) == ["diverged", "finished"]
    assert "diverged" in result.of("diverged")[0].why
    assert result.best.value == result.best.kept["validation_loss"]
    assert len(list((sweep.folder / "trials").iterdir())) == 1


def test_every_run_is_kept_where_that_is_asked_for(bars_folder, capsys):
    arguments = ["nn_1", "--data", str(bars_folder), "--search", "lr=0.001,0.01", "--sampler", "grid", "--epochs", "1"]
    assert main(["sweep", *arguments, "--name", "mine", "--keep-runs", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    folder = Path(printed["report"]).parent
    assert all(find_run(folder / "trials" / name).finished for name in ("0000", "0001"))
    assert json.loads((folder / "sweep.json").read_text()) == {
        key: value for key, value in printed.items() if key != "report"
    }
    assert {trial["params"]["lr"] for trial in printed["trials"]} == {0.001, 0.01}


def test_options_of_the_network_and_an_early_end_by_time(bars_folder, tmp_path, capsys):
    path = tmp_path / "mine.toml"
    path.write_text(
        f'data = "{bars_folder}"\nname = "mine"\nsampler = "random"\n'
        '[shared]\nmodel = "resnet"\nepochs = 1\n[search]\noptions = { width = [1, 2] }\n'
    )
    assert main(["sweep", str(path), "--timeout", "0.001", "--trials", "3"]) == 0
    assert "--option width=" in " ".join(capsys.readouterr().out.split())
    assert len(open_sweep("mine").trials()) == 1


def test_a_database_is_shared_and_its_password_is_not_noted(bars_folder, tmp_path, own_home, capsys):
    address = f"sqlite:///{tmp_path}/sweeps.db"
    settings = Sweep("nn_1", str(bars_folder), GRID, fixed=QUICK, sampler="grid")
    sweep = open_sweep("mine", settings, address)
    run_trials(sweep, trials=2)
    assert not sweep.is_local
    sweep = open_sweep("mine")
    assert sweep.settings == settings
    assert len(sweep_result(sweep).of("finished")) == 2
    with pytest.raises(UsageError, match="no sweep 'other'"):
        run_trials(open_sweep("other", None, address))

    assert main(["sweep", "--resume", "mine", "--storage", "postgresql+nothing://me:secret@nowhere/db"]) == 1
    assert "secret" not in capsys.readouterr().err
    assert main(["sweep", "--resume", "mine", "--storage", f"sqlite:///{tmp_path}/no/such/folder.db"]) == 1
    assert "can't be opened" in " ".join(capsys.readouterr().err.split())


def test_a_sweep_goes_on_wherever_the_last_line_of_its_journal_was_cut(bars_folder, own_home):
    settings = Sweep("nn_1", str(bars_folder), GRID, sampler="grid", fixed=QUICK)
    run_trials(open_sweep("whole", settings), trials=1)
    journal = (own_home / "sweeps" / "whole" / "journal.log").read_bytes()
    *before, last = journal.splitlines(keepends=True)
    for cut in sorted({0, 1, len(last) // 2, len(last) - 2, len(last) - 1}):
        path = own_home / "sweeps" / "whole" / "journal.log"
        path.write_bytes(b"".join(before) + last[:cut])
        said: list[str] = []
        sweep = open_sweep("whole", settings, say=said.append)
        assert len(said) == (0 < cut < len(last) - 1)
        assert path.read_bytes().startswith(b"".join(before) + (last if cut == len(last) - 1 else b""))
        assert len(sweep.trials()) == 4
        assert len(open_sweep("whole").trials()) == 4


def test_a_sweep_whose_first_lines_were_cut_begins_anew(bars_folder, own_home):
    settings = Sweep("nn_1", str(bars_folder), GRID, sampler="grid", fixed=QUICK)
    open_sweep("mine", settings)
    path = own_home / "sweeps" / "mine" / "journal.log"
    lines = path.read_bytes().splitlines(keepends=True)
    for kept in range(3):
        path.write_bytes(b"".join(lines[:kept]) + lines[kept][:9])
        assert len(open_sweep("mine", settings).trials()) == 4


def test_damaged_trials_are_told(own_home, capsys):
    folder = own_home / "sweeps" / "mine"
    folder.mkdir(parents=True)
    for content in (b"\x00\x01 garbage\n\n", b'{"op_code": 99}\n', b"[]\n", b'{"op_code":0,"worker_id":"a"}\n'):
        (folder / "journal.log").write_bytes(content)
        assert main(["sweep", "--resume", "mine"]) == 1
        error = " ".join(capsys.readouterr().err.split())
        assert "journal.log can't be read" in error
        assert "Traceback" not in error


def test_without_optuna_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    for module in [name for name in sys.modules if name.startswith("kuzushiji.sweep.")]:
        monkeypatch.delitem(sys.modules, module)
    assert main(["sweep", "nn_1", "--data", "brush:kmnist", "--search", "lr=0.1..1"]) == 1
    assert "pip install 'kuzushiji[sweep]'" in " ".join(capsys.readouterr().err.split())


def test_a_grid_that_is_opened_again_has_each_combination_once(bars_folder):
    """Also those that wait, of which Optuna notes the values under a name that may change with its version."""
    settings = Sweep("nn_1", str(bars_folder), GRID, fixed=QUICK, sampler="grid")
    assert len(open_sweep("mine", settings).trials()) == 4
    assert len(open_sweep("mine").trials()) == 4, f"Optuna {optuna.__version__} is not as Optuna 5.0"


def test_an_optuna_that_queues_trials_otherwise_is_named(bars_folder, monkeypatch):
    settings = Sweep("nn_1", str(bars_folder), GRID, fixed=QUICK, sampler="grid")
    open_sweep("mine", settings)
    monkeypatch.setattr(optuna.trial.FrozenTrial, "system_attrs", {})
    with pytest.raises(KuzushijiError, match=rf"Optuna {optuna.__version__} keeps .* pip install 'optuna==5.0'"):
        open_sweep("mine")


def test_a_sweep_that_an_older_version_began_goes_on(bars_folder):
    settings = {
        **{"model": "nn_1", "data": str(bars_folder), "search": {"lr": "0.001,0.01"}, "fixed": QUICK, "options": {}},
        **{"recipe": None, "sampler": "grid", "pruner": "median", "objective": "accuracy", "limit": None},
        **{"image_size": None, "cover": None, "rare_below": None},
    }
    begun = open_sweep("mine", Sweep("nn_1", str(bars_folder), GRID, fixed=QUICK))
    begun.study.set_user_attr("kuzushiji", settings)
    sweep = open_sweep("mine")
    assert sweep.settings == Sweep("nn_1", str(bars_folder), {"lr": "0.001,0.01"}, fixed=QUICK, sampler="grid")
    assert len(sweep.trials()) == 2


def test_each_trial_is_told_to_a_tracker_under_the_name_of_its_sweep(bars_folder, monkeypatch, capsys):
    """The second trial is ended early; the third comes when the sweep is taken up again."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda trial: trial.number == 1)
    words = ["nn_1", "--data", str(bars_folder), "--name", "mine", "--search", "lr=0.001..0.1 log"]
    words += ["--validation-fraction", "0.25", "--epochs", "2", "--trials", "2"]
    assert main(["sweep", *words, "--track", "tensorboard"]) == 0
    assert main(["sweep", "--resume", "mine", "--trials", "3", "--track", "tensorboard"]) == 0
    trials = sweep_result(open_sweep("mine")).trials
    assert [sorted(trial.values) for trial in trials] == [[1, 2], [1], [1, 2]]
    for trial in trials:
        folder = tracking_folder() / "tensorboard" / "mine" / f"{trial.number:04d}"
        events = accumulator.EventAccumulator(str(folder)).Reload()
        told = {each.step: each.value for each in events.Scalars("validation/accuracy")}
        assert told == pytest.approx(trial.values)
        (settings,) = events.Tensors("settings/text_summary")
        assert f"recipe.lr</td><td>{trial.params['lr']}".encode() in settings.tensor_proto.string_val[0]
    assert main(["sweep", *words, "--track", "tensorbord"]) == 2
    assert "tensorboard" in capsys.readouterr().err


SLOW_EPOCHS = """
import time
import optuna

report = optuna.Trial.report

def report_late(*arguments):
    time.sleep(0.5)
    report(*arguments)

optuna.Trial.report = report_late
"""


@pytest.fixture
def slow_epochs(tmp_path, monkeypatch):
    """In every Python that is started, a trial takes so long that others can begin theirs beside it."""
    (tmp_path / "sitecustomize.py").write_text(SLOW_EPOCHS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)


def begin(bars_folder: Path, *more: str) -> subprocess.Popen:
    words = ["nn_1", "--data", str(bars_folder), "--name", "mine", "--sampler", "grid", "--pruner", "none"]
    words += ["--search", "lr=0.001..0.008 step 0.001", "--validation-fraction", "0.25", "--epochs", "25"]
    return subprocess.Popen(
        [sys.executable, "-m", "kuzushiji", "sweep", *words, *more],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={"OMP_NUM_THREADS": "1", **os.environ},
    )


def test_commands_at_once_share_a_grid_whatever_ends_them(bars_folder, own_home, slow_epochs):
    """Three processes train; one is killed, two end when the command that started them gets a Ctrl-C."""
    trials = own_home / "sweeps" / "mine" / "trials"
    with begin(bars_folder) as alone, begin(bars_folder, "--jobs", "2") as with_workers:
        deadline = time.monotonic() + 120
        while len(list(trials.glob("*/metrics.jsonl"))) < 3:
            assert alone.poll() is None, alone.stderr.read()
            assert with_workers.poll() is None, with_workers.stderr.read()
            assert time.monotonic() < deadline, "the trials did not get so far"
            time.sleep(0.02)
        alone.kill()
        with_workers.send_signal(signal.SIGINT)
        errors = with_workers.stderr.read()
    assert with_workers.returncode == 130
    assert "kuzushiji sweep --resume mine" in " ".join(errors.split())
    assert "Traceback" not in errors
    assert (trials.parent / "report.html").stat().st_size > 10_000, "of what there is so far"

    sweep = open_sweep("mine")
    before = sweep_result(sweep)
    assert before.of("running"), "they were ended before their trials were"
    run_trials(sweep)
    result = sweep_result(sweep)
    ended = sorted(trial.params["lr"] for trial in result.of("finished"))
    assert ended == [0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008], "each once"
    assert len(result.trials) == 8


def test_what_fails_in_a_worker_is_told(bars_folder, tmp_path):
    data = tmp_path / "bars"
    data.mkdir()
    for path in bars_folder.iterdir():
        (data / path.name).write_bytes(path.read_bytes()[:1000])
    sweep = open_sweep("mine", Sweep("nn_1", str(data), {"lr": "0.1,0.2"}))
    with pytest.raises(KuzushijiError, match=r"bars-train-imgs\.npz"):
        run_workers(sweep, 1, None, {})
    assert [trial.state.name for trial in sweep.trials()] == ["RUNNING"], "it is taken up when the data is mended"


def test_who_asks_one_of_several_processes_to_terminate_means_the_sweep(bars_folder):
    class Asked(set):
        """Workers that somebody else ends."""

        __enter__, __exit__ = (lambda pool: pool), (lambda pool, *error: None)

        def start(self, name, *arguments):
            self.add(name)

        def next(self, timeout):
            return self.pop(), Ended(error=Interrupted("asked to terminate"))

        def ask_to_stop(self):
            pass

    sweep = open_sweep("mine", Sweep("nn_1", str(bars_folder), {"lr": "0.1,0.2"}))
    with pytest.raises(Interrupted, match="kuzushiji sweep --resume mine"):
        run_workers(sweep, 2, None, {}, pool=lambda what, jobs: Asked())
