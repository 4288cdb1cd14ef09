"""The detector: shapes, gradients, losses that are least where the maps are right."""

import numpy as np
import pytest
import torch

from kuzushiji.errors import UsageError
from kuzushiji.models.detector import STRIDE, Detector, box_loss, centre_loss, encode

BOXES = np.array([[10, 12, 20, 30], [40, 50, 26, 24], [42, 75, 24, 20]], np.float32)
ROLES = np.array([0, 1, 0])


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (160, 32)])
def test_maps_are_a_quarter_of_the_image(size: tuple[int, int]) -> None:
    maps = Detector(width=8, depth=1).eval()(torch.rand(2, 1, *size))
    assert maps.heat.shape == (2, 2, size[0] // STRIDE, size[1] // STRIDE)
    assert maps.boxes.shape == (2, 4, size[0] // STRIDE, size[1] // STRIDE)


def test_every_parameter_gets_a_gradient() -> None:
    torch.manual_seed(0)
    network = Detector(width=8, depth=2)
    told = encode(BOXES, ROLES, (96, 96))
    maps = network(torch.rand(2, 1, 96, 96))
    heat, counted, boxes = (
        torch.from_numpy(each)[None].expand(2, -1, -1, -1) for each in vars(told).values() if each.ndim == 3
    )
    is_centre = torch.from_numpy(told.is_centre)[None].expand(2, -1, -1)
    (centre_loss(maps.heat, heat, counted) + box_loss(maps.boxes, boxes, is_centre)).backward()
    # A block's second normalisation begins at 0, which holds back what stands before it in the first step.
    reached = [parameter.grad is not None for parameter in network.parameters()]
    assert all(reached)


def test_it_begins_sure_of_nothing() -> None:
    maps = Detector(width=8).eval()(torch.rand(1, 1, 64, 64))
    assert maps.heat.sigmoid().max() < 0.3


def test_losses_are_least_where_the_maps_are_right() -> None:
    told = encode(BOXES, ROLES, (96, 96))
    heat, counted, boxes = (torch.from_numpy(each)[None] for each in (told.heat, told.counted, told.boxes))
    is_centre = torch.from_numpy(told.is_centre)[None]
    right = torch.where(heat == 1, 12.0, -12.0)
    assert centre_loss(right, heat, counted) < 1e-3
    assert centre_loss(right.roll(2, 3), heat, counted) > 5
    assert box_loss(boxes, boxes, is_centre) == 0
    assert box_loss(boxes + 0.5, boxes, is_centre) == pytest.approx(2)


def test_what_nobody_knows_does_not_count() -> None:
    nothing = np.empty((0, 4), np.float32)
    unknown = np.array([[0, 0, 32, 64]], np.float32)
    told = encode(nothing, np.empty(0, int), (64, 64), unknown=unknown)
    heat, counted = (torch.from_numpy(each)[None] for each in (told.heat, told.counted))
    seen = torch.full_like(heat, -12.0)
    seen[..., :8] = 12.0
    assert centre_loss(seen, heat, counted) < 1e-3
    assert centre_loss(seen, heat, torch.ones_like(counted)) > 1000


def test_a_page_without_characters_has_a_loss() -> None:
    told = encode(np.empty((0, 4), np.float32), np.empty(0, int), (64, 64))
    maps = Detector(width=8)(torch.rand(1, 1, 64, 64))
    loss = box_loss(maps.boxes, torch.from_numpy(told.boxes)[None], torch.from_numpy(told.is_centre)[None])
    loss.backward()
    assert loss == 0


@pytest.mark.parametrize("wrong", [{"width": 0}, {"depth": 0}, {"roles": 0}])
def test_sizes_below_1_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        Detector(**wrong)
