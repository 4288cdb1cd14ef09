"""AlexNet (Krizhevsky et al., 2012) cut to the size of single characters."""

from torch import nn

from kuzushiji.errors import UsageError
from kuzushiji.models.network import Dropout, Flatten, Network


def alexnet(classes: int, image_size: tuple[int, int], *, width: int = 64, dropout: float = 0.5) -> Network:
    """Four convolutions of 3 x 3 with max pooling after the first, second and fourth, dense layers of 1024 and 512.

    The order of the layers and the dense sizes are those of the comparison that it comes from, which tells neither the
    number of filters nor their size: 64, doubled as the image is halved, and 3 x 3 throughout are ours.

    Args:
        width: filters of the first convolution; the others have two, four and four times as many.
        dropout: share that is dropped after each of the two dense layers in training.
    """
    if width < 1:
        raise UsageError(f"alexnet needs a width of 1 or more, found {width}")
    rows, columns = (side // 8 for side in image_size)
    body = nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(2 * width, 4 * width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4 * width, 4 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        Flatten(),
        nn.Linear(4 * width * rows * columns, 1024),
        nn.ReLU(),
        Dropout(dropout),
        nn.Linear(1024, 512),
        nn.ReLU(),
        Dropout(dropout),
    )
    return Network(body, nn.Linear(512, classes))
