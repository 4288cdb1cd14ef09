import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from filelock import FileLock

from kuzushiji.errors import DataError, RunError, UsageError
from kuzushiji.home import runs_folder
from kuzushiji.machine import Machine
from kuzushiji.runs.config import DataConfig, ModelConfig, RunConfig
from kuzushiji.runs.recipe import Recipe
from kuzushiji.runs.run import Run, all_runs, create_run, find_run, run_path

CONFIG = RunConfig(model=ModelConfig("nn_1"), data=DataConfig("bars"), recipe=Recipe(lr=0.1), classes=("お",))


def make(name: str) -> Run:
    return create_run(run_path(name, "nn_1", "bars"), CONFIG)


def test_a_plain_name_goes_among_the_runs_and_a_path_stays_a_path(tmp_path):
    assert run_path("mine", "m", "d") == runs_folder() / "mine"
    assert run_path(str(tmp_path / "mine"), "m", "d") == tmp_path / "mine"
    assert run_path(tmp_path, "m", "d") == tmp_path


def test_made_names_hold_model_and_data_and_never_collide():
    first = create_run(run_path(None, "nn_1", "brush:kmnist"), CONFIG)
    second = create_run(run_path(None, "nn_1", "brush:kmnist"), CONFIG)
    assert first.name.startswith("nn_1-brush-kmnist-")
    assert first.path != second.path


def test_a_run_is_never_written_over():
    make("mine")
    with pytest.raises(UsageError, match="exists already"):
        make("mine")


def test_found_by_name_beginning_and_path():
    run = make("lenet5-first")
    assert find_run("lenet5-first") == run
    assert find_run("lenet5") == run
    assert find_run(run.path) == run
    make("lenet5-second")
    with pytest.raises(UsageError, match="lenet5-first, lenet5-second"):
        find_run("lenet5")


def test_an_unknown_run_names_the_nearest():
    with pytest.raises(UsageError, match="no run has been made yet"):
        find_run("lenet5")
    make("lenet5-first")
    with pytest.raises(UsageError, match="did you mean lenet5-first"):
        find_run("lanet5-first")


def test_listed_in_the_order_they_were_made():
    for age, name in enumerate(("c", "a", "b")):
        run = make(name)
        os.utime(run.path / "config.json", (1000 + age, 1000 + age))
    (runs_folder() / "not-a-run").mkdir()
    assert [run.name for run in all_runs()] == ["c", "a", "b"]
    assert [run.name for run in all_runs("[ab]")] == ["a", "b"]


def test_only_run_folders_are_removed(tmp_path):
    (tmp_path / "precious.txt").write_text("keep me")
    with pytest.raises(RunError, match="nothing was removed"):
        Run(tmp_path).remove()
    assert (tmp_path / "precious.txt").exists()
    run = make("mine")
    run.remove()
    assert not run.path.exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"model": "mine"}', '{"model": {}, "data": {}}'])
def test_a_folder_with_some_other_configuration_is_left_whole(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    (tmp_path / "thesis.txt").write_text("keep me")
    with pytest.raises(RunError, match="nothing was removed"):
        Run(tmp_path).remove()
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "thesis.txt"}


def test_what_no_run_has_stays():
    run = make("mine")
    for name in ("thesis.txt", "predictions-kmnist-test.npz", ".lock"):
        (run.path / name).touch()
    (run.path / "figures").mkdir()
    assert run.remove() == ["figures", "thesis.txt"]
    assert {path.name for path in run.path.iterdir()} == {"figures", "thesis.txt"}


def test_a_damaged_run_among_the_runs_is_removed():
    run = make("mine")
    run.config_file.write_bytes(b"")
    assert Run(run.path).remove() == []
    assert not run.path.exists()


def test_a_run_that_is_trained_is_not_removed():
    run = make("mine")
    with FileLock(run.path / ".lock"), pytest.raises(RunError, match="is being trained"):
        run.remove()
    assert run.config_file.exists()


def test_an_empty_folder_may_become_a_run():
    run_path("mine", "", "").mkdir(parents=True)
    assert make("mine").config == CONFIG


def test_names_that_are_made_at_the_same_moment_do_not_collide():
    with ThreadPoolExecutor(8) as threads:
        path = run_path(None, "nn_1", "bars")
        runs = list(threads.map(lambda number: create_run(path, CONFIG, is_named=False), range(8)))
    assert len({run.path for run in runs}) == 8
    assert len(all_runs()) == 8


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"model": {}}'])
def test_a_damaged_configuration_is_told(text):
    run = make("mine")
    (run.path / "config.json").write_text(text)
    with pytest.raises(RunError, match=r"config\.json"):
        _ = Run(run.path).config


def test_a_damaged_line_of_metrics_is_told():
    run = make("mine")
    assert run.metrics == []
    (run.path / "metrics.jsonl").write_text('{"epoch": 1, "seconds": 2.0}\n{"epo')
    with pytest.raises(RunError, match=r"metrics\.jsonl"):
        _ = run.metrics


def test_predictions_that_are_not_there_say_how_to_get_them():
    with pytest.raises(DataError, match="kuzushiji evaluate"):
        make("mine").predictions()


def test_unfinished_until_the_checkpoint_is_gone():
    run = make("mine")
    assert not run.finished
    run.checkpoint_file.touch()
    run.weights_file.touch()
    assert not run.finished
    run.checkpoint_file.unlink()
    assert run.finished


def test_the_fingerprint_knows_what_matters():
    first = make("first")
    same = create_run(run_path("same", "", ""), replace(CONFIG, created="now", command="x", machine=Machine("y")))
    other = create_run(run_path("other", "", ""), replace(CONFIG, recipe=Recipe(lr=0.2)))
    assert first.fingerprint == same.fingerprint != other.fingerprint
