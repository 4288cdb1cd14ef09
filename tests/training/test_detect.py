"""Detection as a task: crops that repeat, a loss that falls, a training that goes on as if nothing had happened."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

from kuzushiji.data.synthetic.brush import make
from kuzushiji.data.synthetic.drawn_pages import Glyphs, Layout, Material, draw_page
from kuzushiji.errors import UsageError
from kuzushiji.models.detector import Detector
from kuzushiji.runs.recipe import Recipe
from kuzushiji.training.loop import fit
from kuzushiji.training.tasks.detect import BoxedImage, Detection

CHARACTERS = "おきすつなはまやれを"
CPU = torch.device("cpu")
RECIPE = Recipe(epochs=2, batch_size=4, optimizer="adamw", lr=2e-3, precision="float32")


@pytest.fixture(scope="module")
def material() -> Material:
    columns = [[900 - 150 * column, 200 + 130 * row, 100, 110] for column in range(5) for row in range(len(CHARACTERS))]
    layout = Layout(CHARACTERS * 5, np.array(columns, np.float32))
    return Material(
        [layout], Glyphs([make("kmnist", "train", samples_per_class=5)]), [np.full((300, 200), 230, np.uint8)]
    )


@pytest.fixture(scope="module")
def page(material: Material) -> BoxedImage:
    drawn = draw_page(material, np.random.default_rng(7), size=40)
    return BoxedImage(drawn.image, drawn.boxes)


def task(material: Material, pages: list[BoxedImage], recipe: Recipe = RECIPE, **options: Any) -> Detection:
    return Detection(material, pages, pages, recipe, CPU, **{"crops": 8, "side": 96} | options)


def network() -> Detector:
    torch.manual_seed(0)
    return Detector(width=4, depth=1)


def test_a_crop_depends_on_seed_epoch_and_number_alone(material: Material, page: BoxedImage) -> None:
    both = task(material, [page], drawn=0.5)
    first, again = (both.batch(network(), torch.tensor(numbers), 3) for numbers in ([5, 2], [2, 5]))
    torch.testing.assert_close(first.images, again.images.flip(0), rtol=0, atol=0)
    torch.testing.assert_close(first.heat, again.heat.flip(0), rtol=0, atol=0)
    assert (first.images != both.batch(network(), torch.tensor([5, 2]), 4).images).any()


@pytest.mark.parametrize("drawn", [0.0, 1.0])
def test_where_a_centre_is_said_to_be_there_is_ink(material: Material, page: BoxedImage, drawn: float) -> None:
    batch = task(material, [page], drawn=drawn, side=160).batch(network(), torch.arange(8), 0)
    assert batch.images.shape == (8, 1, 160, 160)
    assert 0 <= batch.images.min() < batch.images.max() <= 1
    assert batch.is_centre.any((1, 2)).all()
    near = torch.nn.functional.max_pool2d(batch.images, 20, 4, padding=8)[:, 0, :40, :40]
    assert near[batch.is_centre].mean() > 2 * batch.images.mean()


def test_without_real_pages_all_are_drawn(material: Material) -> None:
    alone = task(material, [])
    assert alone.drawn == 1
    assert alone.validate(network()) == {"validation_loss": None, "validation_recall": None}


def test_unknown_regions_do_not_count(material: Material, page: BoxedImage) -> None:
    height, width = page.image.shape
    everywhere = np.array([[0, 0, width, height]], np.float32)
    hidden = BoxedImage(page.image, page.boxes[:1], everywhere)
    batch = task(material, [hidden], drawn=0.0).batch(network(), torch.arange(4), 0)
    assert batch.counted.sum() == batch.is_centre.sum()


def test_training_finds_more_and_goes_on_after_an_interruption(material: Material, page: BoxedImage) -> None:
    recipe = RECIPE.change(epochs=8, lr=5e-3)
    before = task(material, [page], recipe).validate(network())
    whole, epochs = fit(network(), task(material, [page], recipe, crops=16))
    assert epochs[-1]["train_loss"] < epochs[0]["train_loss"]
    assert before["validation_loss"] is not None
    assert epochs[-1]["validation_loss"] < before["validation_loss"]

    early: list[dict[str, Any]] = []

    class Cut(Exception):
        pass

    def save(state: dict[str, Any]) -> None:
        early.append(copy.deepcopy(state))
        if len(state["epochs"]) == 2:
            raise Cut

    with pytest.raises(Cut):
        fit(network(), task(material, [page], recipe, crops=16), save_state=save)
    resumed, _ = fit(network(), task(material, [page], recipe, crops=16), state=early[-1])
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("wrong", [{"crops": 0}, {"side": 100}, {"drawn": 1.5}])
def test_numbers_out_of_range_are_refused(material: Material, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected"):
        task(material, [], **wrong)


def test_a_page_without_boxes_is_refused() -> None:
    with pytest.raises(UsageError, match="one box at least"):
        BoxedImage(np.zeros((10, 10), np.uint8), np.zeros((0, 4), np.float32))


def test_a_real_page_looks_as_if_others_had_written_it(material: Material) -> None:
    """Its characters stand where they are said to, however broad they became."""
    image = np.full((600, 600), 230, np.uint8)
    boxes = np.array([[x, y, 40, 40] for x in range(80, 500, 100) for y in range(80, 500, 100)], np.float32)
    for left, top, width, height in boxes.astype(int).tolist():
        image[top : top + height, left : left + width] = 20
    crops = task(material, [BoxedImage(image, boxes)], drawn=0.0, side=160, crops=40).batch(
        network(), torch.arange(40), 0
    )
    ink = torch.nn.functional.avg_pool2d(crops.images, 4)[:, 0]
    assert ink[crops.is_centre].min() > 0.5
    wide, high = crops.boxes.movedim(1, -1)[crops.is_centre][:, 2:].T
    assert (wide - high).std() > 0.1  # they are squares on the page itself
