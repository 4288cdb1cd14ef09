"""AlexNet (Krizhevsky et al., 2012) cut to the size of single characters."""

from torch import nn

from kuzushiji.errors import UsageError
from kuzushiji.models.network import Network, dropout_layer


def alexnet(
    classes: int,
    image_size: tuple[int, int],
    *,
    filters: tuple[int, int, int, int] = (64, 128, 256, 256),
    dropout: float = 0.5,
) -> Network:
    """Four convolutions of 3 x 3 with max pooling after the first, second and fourth, dense layers of 1024 and 512.

    The order of the layers and the dense sizes are those of the comparison that it comes from, which does not say how
    many filters it had nor their size: these, doubled as the image is halved and 3 x 3 throughout, are ours.

    Args:
        filters: of the four convolutions.
        dropout: share that is dropped after each of the two dense layers in training.
    """
    if len(filters) != 4 or min(filters) < 1:
        raise UsageError(f"alexnet has four convolutions of 1 filter or more each, found filters {filters}")
    first, second, third, fourth = filters
    height, width = (side // 8 for side in image_size)
    body = nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(second, third, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(third, fourth, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(fourth * height * width, 1024),
        nn.ReLU(),
        dropout_layer(dropout),
        nn.Linear(1024, 512),
        nn.ReLU(),
        dropout_layer(dropout),
    )
    return Network(body, nn.Linear(512, classes))
