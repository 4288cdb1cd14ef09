"""Plain convolutional networks."""

from torch import nn

from kuzushiji.models.network import Network


def cnn_1(classes: int, image_size: tuple[int, int]) -> Network:
    """Three convolutions of 64 filters, of which the second and third are linear, as in the source."""
    height, width = (((side - 6) // 2 - 3) // 2 for side in image_size)
    body = nn.Sequential(
        nn.Conv2d(1, 64, 4),
        nn.ReLU(),
        nn.Conv2d(64, 64, 4),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 4),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * height * width, 64),
        nn.ReLU(),
    )
    return Network(body, nn.Linear(64, classes))


def keras_cnn(classes: int, image_size: tuple[int, int], *, dropout: tuple[float, float] = (0.25, 0.5)) -> Network:
    """Two convolutions of 3 x 3, pooling, a dense layer of 128, dropout before and after it."""
    height, width = ((side - 4) // 2 for side in image_size)
    body = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(dropout[0]),
        nn.Flatten(),
        nn.Linear(64 * height * width, 128),
        nn.ReLU(),
        nn.Dropout(dropout[1]),
    )
    return Network(body, nn.Linear(128, classes))
