"""A detector from pages to an exported file: what is held out, how a training goes on, what the file says."""

import csv
import gzip
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from kuzushiji.characters import codepoint
from kuzushiji.cli import main
from kuzushiji.data.synthetic.brush import make
from kuzushiji.data.synthetic.drawn_pages import Glyphs, Layout, Material, draw_page
from kuzushiji.errors import DataError, RunError, UsageError
from kuzushiji.export.detector import export_detector
from kuzushiji.exported import open_detector
from kuzushiji.inference.restored import restore_detector
from kuzushiji.inference.weights import load_detector
from kuzushiji.runs.detector import DetectorConfig, DetectorRun, started_from
from kuzushiji.shipped import DETECTOR
from kuzushiji.training.detector import DetectorWatch, page_ends, resume_detector, train_detector

CHARACTERS = "おきすつなはまやれを"
BOOKS = ("a", "b", "c", "d")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four drawn pages of four books, in Kaggle's layout; their table is that of the layouts too."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "train_images").mkdir()
    columns = [[500 - 150 * column, 200 + 130 * row, 100, 110] for column in range(3) for row in range(len(CHARACTERS))]
    material = Material(
        [Layout(CHARACTERS * 3, np.array(columns, np.float32))],
        Glyphs([make("kmnist", "train", samples_per_class=5)]),
        [np.full((300, 200), 230, np.uint8)],
    )
    rows = []
    for number, book in enumerate(BOOKS):
        page = draw_page(material, np.random.default_rng(number), size=40)
        Image.fromarray(page.image).save(folder / "train_images" / f"{book}_1.png")
        labels = [
            f"{codepoint(character)} {' '.join(map(str, box))}"
            for character, box in zip(page.characters, page.boxes.round().astype(int).tolist(), strict=True)
        ]
        rows.append([f"{book}_1", " ".join(labels)])
    with (folder / "train.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["image_id", "labels"], *rows])
    return folder


@pytest.fixture
def config(folder: Path) -> DetectorConfig:
    return small(folder)


def small(folder: Path) -> DetectorConfig:
    """A detector that is trained in seconds on such pages."""
    plain = DetectorConfig((str(folder),), str(folder / "train.csv"), ("brush:kmnist:5",), width=8, depth=1)
    changed = {"crops": 8, "side": 96, "recipe": plain.recipe.change(epochs=2, batch_size=4, precision="float32")}
    return DetectorConfig(**{**vars(plain), **changed})


def with_(config: DetectorConfig, **changes: Any) -> DetectorConfig:
    return DetectorConfig(**{**vars(config), **changes})


def test_nobody_boxed_what_stands_beside_a_page() -> None:
    boxes = np.array([[300, 50, 40, 40], [200, 90, 40, 60]], np.float32)
    (left, _, width, height), (right, _, rest, _) = page_ends(boxes, (500, 400)).tolist()
    assert 0 == left < width < 200
    assert 340 < right < 400 == right + rest
    assert height == 500
    assert page_ends(boxes, (500, 350))[1, 2] == 0


def test_what_is_held_out_trains_nothing(config: DetectorConfig, tmp_path: Path) -> None:
    counts = []
    watch = DetectorWatch(started=lambda run, train, held_out: counts.append((train, held_out)))
    run = train_detector(with_(config, held_out="1of2"), run=tmp_path / "run", watch=watch)
    assert counts == [(2, 2)]
    assert sorted(run.config.books + run.config.books_held_out) == list(BOOKS)
    assert run.finished
    assert [line["epoch"] for line in run.metrics] == [1, 2]
    assert run.metrics[-1]["validation_recall"] is not None
    with pytest.raises(UsageError, match="nothing is left to draw pages from"):
        train_detector(with_(config, held_out="all"), run=tmp_path / "other")
    with pytest.raises(UsageError, match="no fold"):
        train_detector(with_(config, held_out="half"), run=tmp_path / "other")
    with pytest.raises(DataError, match="too few"):
        train_detector(with_(config, held_out="1of9"), run=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_goes_on_where_it_was_cut_off(config: DetectorConfig, tmp_path: Path) -> None:
    whole = train_detector(config, run=tmp_path / "whole")

    class Cut(Exception):
        pass

    def cut(metrics: dict[str, Any]) -> None:
        raise Cut

    with pytest.raises(Cut):
        train_detector(config, run=tmp_path / "cut", watch=DetectorWatch(epoch=cut))
    run = DetectorRun(tmp_path / "cut")
    assert not run.finished
    with pytest.raises(RunError, match="not finished"):
        export_detector(run)
    resume_detector(run)
    one, other = (load_detector(each.weights_file)[0].state_dict() for each in (whole, run))
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=0, atol=0)
    with pytest.raises(RunError, match="is finished"):
        resume_detector(run)


def test_data_that_has_changed_is_not_gone_on_with(folder: Path, config: DetectorConfig, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    changed = with_(config, pages=(str(copy),))

    class Cut(Exception):
        pass

    def cut(metrics: dict[str, Any]) -> None:
        raise Cut

    with pytest.raises(Cut):
        train_detector(changed, run=tmp_path / "cut", watch=DetectorWatch(epoch=cut))
    (copy / "train_images" / "a_1.png").unlink()
    with pytest.raises(RunError, match="have changed"):
        resume_detector(DetectorRun(tmp_path / "cut"))


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_the_file_computes_what_the_network_does(config: DetectorConfig, tmp_path: Path, precision: str) -> None:
    run = train_detector(config, run=tmp_path / "run")
    written = export_detector(run, tmp_path / "d.onnx", precision=precision, found_above=0.4, credit=["recognition"])
    described, session = open_detector(written.path)
    assert described == written.description
    assert b"site-packages" not in written.path.read_bytes()  # PyTorch notes where in whose code a node comes from
    assert (described.found_above, described.roles) == (0.4, ("main", "ruby"))
    assert "CODH" in described.attribution
    images = torch.rand(1, 1, 64, 160)
    heat, boxes = session.run(["heat", "boxes"], {"images": images.numpy()})
    with torch.no_grad():
        expected = load_detector(run.weights_file)[0](images)
    np.testing.assert_allclose(heat, expected.heat.sigmoid().numpy(), atol=1e-5 if precision == "float32" else 1e-2)
    assert boxes.shape == (1, 4, 16, 40)


def test_a_file_that_is_no_detector_is_refused(tmp_path: Path) -> None:
    from kuzushiji.reading.pretrained import find_network

    with pytest.raises(DataError, match="expected 'kuzushiji detector 1'"):
        open_detector(find_network("kmnist"))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(DataError, match="no ONNX file"):
        open_detector(broken)


def test_a_training_goes_on_with_the_detector_that_ships(config: DetectorConfig, tmp_path: Path) -> None:
    start = started_from(config, "detector")
    assert (start.start, start.width, start.depth) == ("detector", 32, 2)
    run = train_detector(with_(start, crops=2, recipe=replace(config.recipe, lr=0.0)), run=tmp_path / "run")
    network, described = restore_detector(DETECTOR)
    images = torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        trained, before = load_detector(run.weights_file)[0](images), network(images)
    # Nothing was learnt at a rate of 0; its normalisations have seen a batch.
    assert (trained.heat.sigmoid() - before.heat.sigmoid()).abs().mean() < 0.02
    written = export_detector(run, tmp_path / "d.onnx").description
    assert described.attribution.split("; and ")[0] in written.attribution
    assert "--from detector" in written.command
    with pytest.raises(UsageError, match=r"none\.onnx does not exist"):
        started_from(config, tmp_path / "none.onnx")


def test_the_commands(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "pages.csv.gz"
    table.write_bytes(gzip.compress((folder / "train.csv").read_bytes()))
    small = ["--crops", "4", "--side", "96", "--epochs", "1", "--batch-size", "4"]
    of = ["--data", str(folder), "--layouts", str(table), "--glyphs", "brush:kmnist:5"]
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["train", "detector", *of, *small, "--width", "8", "--depth", "1", "--run", str(first)]) == 0
    assert str(first) in capsys.readouterr().out
    assert main(["train", "detector", *of, *small, "--from", str(first), "--run", str(second)]) == 0
    assert DetectorRun(second).config.width == 8
    assert main(["export", str(second), "--output", str(tmp_path / "d.onnx"), "--credit", "recognition"]) == 0
    card = (tmp_path / "d.md").read_text(encoding="utf-8")
    assert card.count("kuzushiji train detector") == 2
    assert str(folder) not in card
    assert main(["train", "detector", "--data", str(folder)]) == 2
    assert main(["train", "detector", "--resume", str(second)]) == 1
    assert main(["train", "detector", "--resume", str(tmp_path / "none")]) == 1
    told = capsys.readouterr().err
    assert "is finished" in told
    assert "no training of a detector" in told
