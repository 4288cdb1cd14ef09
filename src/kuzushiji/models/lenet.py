"""LeNet-5."""

from torch import nn

from kuzushiji.models.network import Network


def lenet5(classes: int, image_size: tuple[int, int]) -> Network:
    """LeNet-5 for 28 x 28 images: the first convolution pads them to the 32 x 32 of the paper."""
    height, width = ((side // 2 - 4) // 2 for side in image_size)
    body = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * height * width, 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
    )
    return Network(body, nn.Linear(84, classes))
