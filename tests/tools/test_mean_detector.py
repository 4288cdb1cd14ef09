"""The mean of two detectors: a run that can be exported, with weights half-way between."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from kuzushiji.inference.weights import load_detector, save_detector
from kuzushiji.models.detector import Detector
from kuzushiji.records import as_plain
from kuzushiji.runs.detector import DetectorConfig, DetectorRun
from kuzushiji.runs.run import claim_folder
from tests.tools.loading import load_tool


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    return load_tool("mean_detector")


def detector(path: Path, seed: int, width: int = 4) -> DetectorRun:
    config = DetectorConfig(("pages",), "layouts.csv", ("brush:kmnist:5",), width=width, depth=1)
    torch.manual_seed(seed)
    run = DetectorRun(claim_folder(path, "detector.json", as_plain(config), is_named=True))
    save_detector(run.weights_file, Detector(width, 1), config)
    return run


def test_weights_are_half_way_between(tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = detector(tmp_path / "one", 0), detector(tmp_path / "other", 1)
    monkeypatch.setattr(sys, "argv", ["mean_detector.py", str(one.path), str(other.path), str(tmp_path / "mean")])
    tool.main()
    found, ours, theirs = (
        load_detector(each.weights_file)[0].state_dict() for each in (DetectorRun(tmp_path / "mean"), one, other)
    )
    assert all(torch.allclose(found[name], (ours[name] + theirs[name]) / 2) for name in found if "num" not in name)
    assert any((ours[name] != theirs[name]).any() for name in found)


def test_detectors_of_two_sizes_have_no_mean(tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = detector(tmp_path / "one", 0), detector(tmp_path / "other", 1, width=8)
    monkeypatch.setattr(sys, "argv", ["mean_detector.py", str(one.path), str(other.path), str(tmp_path / "mean")])
    with pytest.raises(SystemExit, match="different sizes"):
        tool.main()
    assert not (tmp_path / "mean").exists()
