"""Networks of dense layers alone: nn_1."""

from torch import nn

from kuzushiji.models.network import Network


def nn_1(classes: int, image_size: tuple[int, int]) -> Network:
    """Dense layers of 64 and 64 units."""
    height, width = image_size
    body = nn.Sequential(nn.Flatten(), nn.Linear(height * width, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
    return Network(body, nn.Linear(64, classes))
