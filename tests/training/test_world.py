"""Training in two processes, which does what training in one does."""

import os
import pickle
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from kuzushiji.training.session import part_of
from kuzushiji.training.world import Alone
from tests.training import together
from tests.training.test_detector import folder, small  # noqa: F401  # the first is a fixture
from tests.training.together import EXACT, train

ROOT = Path(__file__).parents[2]
TIMING = {"seconds", "images_per_second"}

pytestmark = pytest.mark.timeout(600)  # two processes on busy cores wait for each other in every step


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


@pytest.fixture(scope="module")
def alone() -> list[dict[str, Any]]:
    """The states of a training in one process."""
    return together.states(EXACT["muon"])


@pytest.fixture(scope="module")
def pair(
    alone: list[dict[str, Any]],
    folder: Path,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, Any], int]:
    """What two processes found that trained together, as the first of them has it, and how the second one ended."""
    found = tmp_path_factory.mktemp("pair")
    torch.save(alone[1], found / "alone.pt")
    (found / "pages.pkl").write_bytes(pickle.dumps(small(folder)))
    place = {"TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.training.together", str(found)],
            cwd=ROOT,
            env={**os.environ, **place, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
        )
        for rank in range(2)
    ]
    try:
        codes = [process.wait(500) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert codes[0] == 0
    return torch.load(found / "0.pt"), codes[1]


def assert_alike(found: tuple[Any, Any], expected: tuple[Any, Any]) -> None:
    for name, value in expected[0].items():
        torch.testing.assert_close(found[0][name], value, rtol=1e-3, atol=1e-4, msg=lambda text, name=name: name + text)
    for line, other in zip(found[1], expected[1], strict=True):
        for measure in (line.keys() | other.keys()) - TIMING:
            assert (line[measure] or 0) == pytest.approx(other[measure] or 0, rel=1e-3, abs=1e-4), measure


@pytest.mark.parametrize("name", EXACT)
def test_weights_and_metrics_are_those_of_one_process(pair, name):
    assert_alike(pair[0][name], train(EXACT[name]))


def test_compiled_weights_are_those_of_one_process(pair):
    assert_alike(pair[0]["compiled"], train(EXACT["muon"]))


def test_a_detector_is_that_of_one_process(pair):
    assert_alike(pair[0]["detector"], together.train_detector())


def test_a_run_is_written_by_one_process_and_read_by_both(pair):
    for of_first, of_second in zip(*pair[0]["runs"], strict=True):
        assert of_first == of_second
        assert of_first["finished"]
        assert of_first["processes"] == 2


def test_statistics_of_each_process_are_others(pair):
    weights, own = (pair[0][name][0] for name in ("muon", "per_rank"))
    assert any((weights[name] - own[name]).abs().max() > 0.01 for name in weights)


def test_augmentation_mixup_and_averages_learn_as_well(pair):
    assert pair[0]["augmented"][1][-1]["validation_accuracy"] > 0.95
    assert train(together.AUGMENTED)[1][-1]["validation_accuracy"] > 0.95


@pytest.mark.parametrize("after", [1, 3])
def test_one_process_goes_on_where_two_stopped(pair, after):
    assert_alike(train(EXACT["muon"], state=pair[0]["states"][after]), train(EXACT["muon"]))


def test_two_processes_go_on_where_one_stopped(pair):
    assert_alike(pair[0]["resumed"], train(EXACT["muon"]))


def test_a_signal_to_one_process_ends_all_with_the_state_saved(pair):
    found = pair[0]["interrupted"]
    assert found["error"].startswith("Interrupted: ")
    assert (found["state"]["epoch"], found["state"]["step"]) == (1, 1)
    assert_alike(train(EXACT["muon"], state=found["state"]), train(EXACT["muon"]))


def test_what_is_left_of_a_killed_process_is_saved(pair):
    found, code = pair
    assert code == -signal.SIGKILL
    assert found["killed"]["error"].startswith("RankLost: ")
    assert (found["killed"]["state"]["epoch"], found["killed"]["state"]["step"]) == (1, 1)
    weights, _ = train(EXACT["muon"], state=found["killed"]["state"])
    assert_alike((weights, []), (train(EXACT["muon"])[0], []))  # of training images, the other's answers are lost


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("images", [2, 3, 7, 24, 128])
def test_the_parts_of_a_batch_are_the_whole_batch(size, images):
    worlds = [Alone() for _ in range(size)]
    for rank, world in enumerate(worlds):
        world.rank, world.size = rank, size
    parts = [part_of(torch.arange(images), world) for world in worlds]
    assert torch.cat([part for part, share in parts if share]).tolist() == list(range(images))
    assert sum(share for _, share in parts) == pytest.approx(size)
    assert all(len(part) >= 2 for part, _ in parts)
