"""LeNet-5 (LeCun et al., Gradient-based learning applied to document recognition, 1998)."""

from typing import Literal

from torch import nn

from kuzushiji.errors import unknown_name
from kuzushiji.models.network import AvgPool2d, Flatten, Network

ACTIVATIONS = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "relu": nn.ReLU}


def lenet5(
    classes: int, image_size: tuple[int, int], *, activation: Literal["tanh", "sigmoid", "relu"] = "tanh"
) -> Network:
    """Two convolutions of 5 x 5 with average pooling, dense layers of 120 and 84 units.

    The first convolution pads 28 x 28 images to the 32 x 32 of the paper, and the filters, 6 and 16, are the paper's.
    As is usual today, pooling has no weights of its own, every filter sees all channels, and the output is linear.

    Args:
        activation: tanh as in the paper, or sigmoid or relu.
    """
    if activation not in ACTIVATIONS:
        raise unknown_name("activation", activation, ACTIVATIONS)
    squash = ACTIVATIONS[activation]
    height, width = ((side // 2 - 4) // 2 for side in image_size)
    body = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        squash(),
        AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        squash(),
        AvgPool2d(2),
        Flatten(),
        nn.Linear(16 * height * width, 120),
        squash(),
        nn.Linear(120, 84),
        squash(),
    )
    return Network(body, nn.Linear(84, classes))
