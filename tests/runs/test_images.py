"""A run's own images again: as they were divided, of the size and with the classes that they had."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kuzushiji.data.images import CharacterImages
from kuzushiji.data.pages import characters as page_characters
from kuzushiji.errors import DataError, RunError, UsageError
from kuzushiji.inference.explain import pictures_of_test
from kuzushiji.report.material import gather
from kuzushiji.runs.run import Run
from kuzushiji.training.experiment import train
from tests.bars import bar_images
from tests.data.pages.test_pages import write_kaggle


@pytest.fixture
def several_sizes(tmp_path: Path) -> Path:
    """The bars as image files in class folders, of 9 to 30 pixels a side."""
    for split, count in (("train", 120), ("test", 40)):
        images, labels = bar_images(count)
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = tmp_path / "files" / split / f"U+{0x3042 + 2 * int(label):04X}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).resize((9 + number % 20, 11 + number % 19)).save(path)
    return tmp_path / "files"


def same(images: CharacterImages, run: Run, split: str) -> bool:
    return images.fingerprint() == run.config.data.splits[split].fingerprint


def test_files_of_several_sizes_are_brought_to_the_size_that_they_had(several_sizes: Path) -> None:
    run = train("nn_1", several_sizes, image_size=12, epochs=1)
    for split in ("train", "validation", "test"):
        assert same(run.images(split, check=True), run, split)
    material = gather(run)
    assert material.missing_images == ""
    np.testing.assert_array_equal(material.images.images, run.images().images)
    assert pictures_of_test(run)[0].pixels.shape == (12, 12)


def test_pages_are_cut_once_at_the_size_that_they_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train("nn_1", write_kaggle(tmp_path / "pages"), image_size=20, epochs=1)
    monkeypatch.setattr(page_characters, "cut_pages", lambda *_, **__: pytest.fail("pages are cut again"))
    material = gather(run)
    assert material.missing_images == ""
    assert material.images.image_size == (20, 20)
    assert same(material.images, run, "test")


@pytest.mark.parametrize("choice", [{"cover": 0.7}, {"rare_below": 20}, {"limit": 60}, {"validation_fraction": 0.3}])
def test_limit_rare_class_and_division_are_as_they_were(several_sizes: Path, choice: dict[str, float]) -> None:
    for path in sorted((several_sizes / "train" / "U+3046").iterdir())[10:]:
        path.unlink()
    run = train("nn_1", several_sizes, image_size=12, epochs=1, **choice)
    assert ("rare" in run.config.classes) == ("cover" in choice or "rare_below" in choice)
    for split in ("train", "validation", "test"):
        assert same(run.images(split), run, split)


def test_other_images_are_told_where_that_is_asked(bars_folder: Path) -> None:
    run = train("nn_1", bars_folder, epochs=1)
    images, labels = bar_images(200)
    np.savez(bars_folder / "bars-train-imgs.npz", images)
    np.savez(bars_folder / "bars-train-labels.npz", labels)
    assert len(run.images("train")) < 200
    with pytest.raises(RunError, match=r"the train images of .* are not those the run began with"):
        run.images("train", check=True)
    assert same(run.images("test", check=True), run, "test")


def test_splits_that_are_not_there_are_told(bars_folder: Path) -> None:
    run = train("nn_1", bars_folder, epochs=1, validation_fraction=0)
    with pytest.raises(UsageError, match="has no validation images"):
        run.images("validation")
    (bars_folder / "bars-test-imgs.npz").unlink()
    (bars_folder / "bars-test-labels.npz").unlink()
    with pytest.raises(UsageError, match="has no test images"):
        run.images("test")
    shutil.rmtree(bars_folder)
    with pytest.raises(DataError, match="does not exist"):
        run.images("train")
