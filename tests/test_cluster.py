"""Work on a Ray of this machine alone, with two workers, of which one is killed in the middle."""

import os
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from optuna.trial import TrialState

from kuzushiji.cli import main
from kuzushiji.cluster import QUIET, Cluster, cores_each
from kuzushiji.errors import Interrupted, KuzushijiError
from kuzushiji.processes import Ended
from kuzushiji.reading.choice import ReaderChoice, read_as
from kuzushiji.reading.folder import Wanted, images_of, read_into
from kuzushiji.reading.pretrained import pretrained
from kuzushiji.studies.load import parse_study
from kuzushiji.studies.runner import StudyWatch, run_study
from kuzushiji.sweep.settings import Sweep
from kuzushiji.sweep.storage import open_sweep
from kuzushiji.sweep.workers import run_workers
from tests.cluster_jobs import count, fail, fall, kill_at_first, read_or_die, wait, wait_long
from tests.reading.detector_file import write_detector, write_page

PROJECT = Path(__file__).parents[1]
NEEDS_NETWORKS = pytest.mark.skipif(not pretrained(), reason="no network ships")


@pytest.fixture(scope="module")
def address():
    """Where a Ray with two cores listens, whose processes find this package and these tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUIET.items():
            patch.setenv(name, value)
        patch.setenv("RAY_worker_niceness", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in [str(PROJECT), *sys.path] if path))
        pytest.importorskip("ray", reason="Ray is missing: pip install 'kuzushiji[cluster]'")
        from ray.cluster_utils import Cluster as LocalRay

        try:
            local = LocalRay(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
        except Exception as error:  # which is what Ray raises after half a minute
            pytest.skip(f"Ray does not start: {error}")
        yield local.address
        local.shutdown()


@pytest.fixture(scope="module")
def cluster(address):
    with Cluster(address) as joined:
        yield joined


def test_cores_are_shared_so_that_all_jobs_fit():
    assert cores_each([8, 2], 1) == 8
    assert cores_each([8, 2], 2) == 4
    assert cores_each([8, 2], 5) == 2
    assert cores_each([2], 9) == 1
    assert cores_each([], 1) == 1


@pytest.mark.parametrize(
    ("address", "code", "told"),
    [
        ("nowhere", 2, "'nowhere' is no address"),
        ("127.0.0.1:1", 1, "no Ray answers at 127"),
        ("auto", 1, "no Ray answers on this machine"),
    ],
)
def test_where_there_is_no_ray_it_is_told_in_a_line(address, code, told, bars_folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")  # of one that was killed
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    pytest.importorskip("ray", reason="Ray is missing: pip install 'kuzushiji[cluster]'")
    assert main(["study", "lenet-or-alexnet", "--data", str(bars_folder), "--cluster", address]) == code
    assert told in " ".join(capsys.readouterr().err.split())


# Pages


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"}


@NEEDS_NETWORKS
def test_pages_are_the_same_though_a_worker_is_killed(cluster, address, tmp_path, capfd):
    scans, broken = tmp_path / "scans", tmp_path / "scans" / "p4.png"
    scans.mkdir()
    for number in range(5):
        write_page(scans / f"p{number}.png", rows=number + 1)
    broken.write_bytes(broken.read_bytes()[:100])
    detector = write_detector(tmp_path / "detector.onnx")
    choice = ReaderChoice(detector=detector, model="kmnist", threads=1)
    reader, wanted = choice.open(), Wanted(("txt", "pdf"), drawn=True)

    calls = cluster.spread(read_or_die, tmp_path, choice.anywhere(1), reader.steps, wanted)
    outcomes = list(read_into(tmp_path / "lossy", images_of([scans]), reader, wanted, calls=calls))
    assert Counter(each.state for each in outcomes) == {"read": 3, "failed": 2}
    told = {each.name: each.failure for each in outcomes}
    assert told["p3"].startswith("p3: whatever works on it is lost, 3 times now")
    assert "p4.png" in told["p4"]

    broken.unlink()
    capfd.readouterr()
    command = ["read", str(scans), "--detector", str(detector), "--model", "kmnist", "--format", "txt,pdf", "--draw"]
    assert main([*command, "--output", str(tmp_path / "here"), "--threads", "1"]) == 0
    assert main([*command, "--output", str(tmp_path / "lossy"), "--cluster", address, "--resume"]) == 0
    out, err = capfd.readouterr()
    assert "1 page read, 3 done before" in err
    assert out == "", "nothing of Ray"
    assert files_in(tmp_path / "lossy") == files_in(tmp_path / "here")


def test_what_should_not_fail_is_told_in_a_line(cluster):
    calls = cluster.spread(fall)
    with pytest.raises(KuzushijiError, match="a machine of the cluster failed: ZeroDivisionError"):
        [*calls.add("0", 0), *calls.rest()]


def test_what_is_raised_while_it_waits_ends_the_work(cluster):
    def look():
        raise Interrupted("Ctrl-C")

    with pytest.raises(Interrupted):
        list(cluster.spread(wait_long, look=look).add("long"))


@NEEDS_NETWORKS
def test_readers_that_are_not_the_same_are_refused(tmp_path):
    choice = ReaderChoice(detector=write_detector(tmp_path / "detector.onnx"), model="kmnist", threads=1)
    (page,) = images_of([write_page(tmp_path / "page.png")])
    assert read_as(choice, choice.open().steps, Wanted(), page).contents.keys() == {".txt", ".json"}
    with pytest.raises(KuzushijiError, match="others on another machine"):
        read_as(choice, ReaderChoice(detector=choice.detector, top=2).open().steps, Wanted(), page)


# Jobs


def all_told(workers):
    told = []
    while workers:
        if heard := workers.next(1):
            told.append(heard)
    return told


def test_jobs_report_and_end(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("kuzushiji.cluster.SETTLE_SECONDS", 0)
    with cluster.workers("counting", 2) as workers:
        for name, *job in [("counts", count, 7), ("killed", kill_at_first, tmp_path), ("fails", fail)]:
            workers.start(name, *job)
        told = all_told(workers)
    assert [content for name, content in told if name == "counts"] == [7, "1", Ended(49)]
    assert [content for name, content in told if name == "killed"] == ["began again", Ended("done")]
    assert str(dict(told)["fails"].error) == "it is broken"


def test_jobs_stop_when_asked_and_those_that_wait_are_dropped(cluster, tmp_path):
    with cluster.workers("waiting", 1) as workers:
        workers.start(0, wait, tmp_path)
        workers.start(1, wait, tmp_path)
        while not workers.next(1):
            pass
        workers.ask_to_stop()
        told = dict(all_told(workers))
    assert told == {0: Ended(stopped=True), 1: Ended(stopped=True)}
    assert (tmp_path / "interrupted").exists()


# Trainings


class Killing:
    """The pool of a cluster, of which one worker can be killed, once."""

    def __init__(self, cluster):
        self.cluster, self.killed = cluster, False

    def __call__(self, what, jobs):
        self.workers = self.cluster.workers(what, jobs)
        return self.workers

    def kill(self, name):
        if not self.killed:
            self.cluster.ray.kill(self.workers._jobs[name].relay)
        self.killed = True


def test_a_study_is_the_same_though_a_worker_is_killed(cluster, bars_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("kuzushiji.cluster.SETTLE_SECONDS", 1)
    text = """
    question = "Which?"
    [shared]
    model = "nn_1"
    validation_fraction = 0.25
    [[trials]]
    label = "short"
    epochs = 2
    [[trials]]
    label = "long"
    epochs = 30
    """
    study, pool, seen = parse_study(text, "mine", "mine.toml"), Killing(cluster), Counter()

    def epoch(training, metrics):
        seen[training.label] += 1
        if seen["long"] == 3:
            pool.kill(training.path)

    watch = StudyWatch(epoch=epoch)
    there = run_study(study, str(bars_folder), folder=tmp_path / "there", jobs=2, pool=pool, watch=watch)
    here = run_study(study, str(bars_folder), folder=tmp_path / "here")
    assert pool.killed
    for one, other in zip(here, there, strict=True):
        assert (one.failure, other.failure) == ("", "")
        assert len(one.run.metrics) == len(other.run.metrics)
        np.testing.assert_allclose(one.run.predictions().logits, other.run.predictions().logits, atol=1e-3)


def test_a_sweep_in_postgresql_has_each_trial_once_though_a_worker_is_killed(
    cluster, bars_folder, postgresql, monkeypatch
):
    monkeypatch.setattr("kuzushiji.cluster.SETTLE_SECONDS", 1)
    storage, pool = postgresql(), Killing(cluster)
    search = {"lr": "0.001,0.01,0.1"}
    fixed = {"validation_fraction": 0.25, "epochs": 40}
    sweep = open_sweep("mine", Sweep("nn_1", str(bars_folder), search, sampler="grid", fixed=fixed), storage)

    def look():
        if any(trial.intermediate_values for trial in sweep.trials(TrialState.RUNNING)):
            pool.kill(0)

    run_workers(sweep, 2, storage, {"device": "cpu"}, look, pool)
    assert pool.killed
    trials = sweep.trials()
    sweep.storage.remove_session()
    sweep.storage.engine.dispose()
    assert len(trials) == 3
    assert {trial.state for trial in trials} <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert len({tuple(trial.params.values()) for trial in trials}) == 3
