"""Learning from what was corrected in the reading room: the network that ships, a hand, and all others."""

import io
import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from kuzushiji.cli import main
from kuzushiji.data import beside, derived
from kuzushiji.data.source import load, parse
from kuzushiji.document.page import ImageRef, truth
from kuzushiji.errors import DataWarning, UsageError
from kuzushiji.evaluation.learnt import learnt
from kuzushiji.exported import open_network
from kuzushiji.home import home
from kuzushiji.imaging.read import read_pixels
from kuzushiji.models import MODELS, PRESETS
from kuzushiji.reading.pretrained import find_network
from kuzushiji.runs.recipe import RECIPES
from kuzushiji.runs.run import find_run
from kuzushiji.serving.jobs import looks_of
from kuzushiji.serving.shelf import Shelf
from kuzushiji.training.experiment import resume, train

COUNT = 30


@pytest.fixture
def corrected() -> None:
    """A page of a book on the shelf, two columns of two glyphs; a person named one 戀, the other what is no class."""
    glyphs = load("brush:kmnist:20", "train")
    paper, boxes, names = np.full((20 + 50 * COUNT // 2, 140), 235, np.uint8), [], []
    for number in range(COUNT):
        column, row = divmod(number, COUNT // 2)
        of = glyphs.images[glyphs.labels == column]
        left, top = 80 - 60 * column, 10 + 50 * row
        ink = np.asarray(Image.fromarray(of[row % len(of)]).resize((40, 40)))
        paper[top : top + 40, left : left + 40] -= (ink * 0.8).astype(np.uint8)
        boxes.append((left, top, 40, 40))
        names.append("戀𛀁"[column])
    file = io.BytesIO()
    Image.fromarray(paper).save(file, "PNG")
    content = file.getvalue()
    shelf = Shelf(home() / "shelf")
    id = shelf.add("a.png", content, "Book")
    shelf.claim()
    read = truth(ImageRef("a.png"), ["あ"] * COUNT, np.array(boxes))
    shelf.finish(id, replace(read, status="read"), looks_of(read_pixels(content)))
    changes = [{"id": each.id, "text": name} for each, name in zip(read, names, strict=True)]
    shelf.correct(id, 1, changes, "Ono")
    shelf.close()


@pytest.fixture
def few_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some dozens beside them, for a test to be quick."""
    monkeypatch.setattr(derived, "MOST_BESIDE", 48)
    monkeypatch.setattr(beside, "SHIPS", "brush:kmnist:12")


def test_the_preset_is_what_ships() -> None:
    preset = PRESETS["page"]
    described, _ = open_network(find_network("page"))
    assert described.network == preset.model
    assert described.options == {**MODELS[preset.model].options, **preset.options}
    assert described.image_size == (preset.image_size,) * 2
    assert RECIPES[preset.recipe].recut == RECIPES[preset.further].recut == 0.04
    for name in ("translate", "rotate", "scale", "shear", "elastic", "thickness", "recut"):
        said = f"--{name} {getattr(RECIPES[preset.recipe], name):g}"
        assert said in described.command or f"{said}.0" in described.command


@pytest.mark.usefixtures("corrected", "few_beside")
def test_a_fifth_of_the_corrections_is_set_apart_and_the_others_weigh_a_fifth() -> None:
    source = parse("shelf:Book beside brush:kmnist:12")
    assert source.splits == ("train", "validation", "test")
    train_, validation, test = (source.load(split, image_size=28) for split in source.splits)
    assert train_.classes == validation.classes == test.classes
    assert {"戀", "𛀁"} <= set(train_.classes)
    own = len(train_) - 48
    assert (len(validation), own, len(test)) == (6, 24, 20)
    seen = {image.tobytes() for image in train_.images}
    assert not any(image.tobytes() in seen for image in validation.images)
    assert parse(source.address) == source
    with pytest.raises(UsageError, match="expected 3 or more"):
        derived.Beside(_Few(), parse("brush:kmnist:12")).read("train", 28, None)


class _Few:
    """Two corrections."""

    name = "two"

    def load(self, split, **options):
        return load("shelf:Book", "train", limit=2, image_size=28)


@pytest.mark.usefixtures("corrected", "few_beside")
def test_page_learns_a_hand_and_keeps_what_it_knows(tmp_path) -> None:
    with pytest.warns(DataWarning, match="kuzushiji data get kkanji"):
        run = train("page", "shelf:Book", from_run="page", run="newer", epochs=6, batch_size=24, lr=0.01)
    config, (described, session) = run.config, open_network(find_network("page"))
    assert config.classes[: len(described.classes)] == described.classes
    assert config.classes[len(described.classes) :] == ("𛀁",)
    assert (config.model.options, config.model.image_size) == (dict(PRESETS["page"].options), (64, 64))
    assert (config.start.name, config.start.keeps_classes) == ("page", True)
    assert "--keep-classes" in config.command

    validation, test = run.images("validation", check=True), run.images("test", check=True)
    for split, images in (("validation", validation), ("test", test)):
        said = session.run(["logits"], {"images": images.images[:, None].astype(np.float32) / 255})[0]
        before = run.predictions(f"before-{split}")
        np.testing.assert_allclose(before.logits[:, : said.shape[1]], said, atol=1e-2)
    here, elsewhere = learnt(run)
    assert (here.split, here.count, elsewhere.split, elsewhere.count) == ("validation", 6, "test", 20)
    assert here.before < here.after
    assert here.after == (run.predictions("validation").predicted == validation.labels).sum()
    assert 0 < here.p_value <= 1


@pytest.mark.usefixtures("corrected", "few_beside")
def test_the_command_says_both_figures_and_goes_on_where_it_was_cut_off(capsys, monkeypatch) -> None:
    warnings.simplefilter("ignore", DataWarning)
    words = [
        "train",
        "page",
        "--from",
        "page",
        "--data",
        "shelf:Book",
        "--epochs",
        "1",
        "--run",
        "newer",
        "--no-report",
    ]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["learnt"]
    assert [each["split"] for each in told] == ["validation", "test"]
    assert set(told[0]) == {"split", "count", "before", "after", "p_value"}
    run = find_run("newer")
    run.weights_file.unlink()
    run.predictions_file("validation").unlink()
    assert resume(run).predictions("validation").classes == run.config.classes


def test_classes_are_kept_of_something_that_tells_them() -> None:
    with pytest.raises(UsageError, match="starts from none that tells"):
        train("resnet", "brush:kmnist:5", keep_classes=True)
