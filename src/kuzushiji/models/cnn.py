"""Plain convolutional networks: cnn_1, cnn_2, cnn_dense, cnn_dense_batch_norm, keras_cnn, page_cnn."""

from typing import Literal

from torch import Tensor, nn

from kuzushiji.errors import unknown_name
from kuzushiji.models.attention import Attention, attention_for
from kuzushiji.models.network import Dropout, Flatten, Network, keras_norm_1d, keras_norm_2d

# The first four are those of medina325/kuzushiji-character-recognition.  Their second and third convolutions are
# linear there: only pooling stands between them.


def cnn_1(classes: int, image_size: tuple[int, int]) -> Network:
    """Three convolutions of 4 x 4 with 64 filters each, a dense layer of 64."""
    return _three_convolutions(classes, image_size, filters=(64, 64, 64))


def cnn_2(classes: int, image_size: tuple[int, int]) -> Network:
    """Three convolutions of 4 x 4 with 64, 128 and 256 filters, a dense layer of 64."""
    return _three_convolutions(classes, image_size, filters=(64, 128, 256))


def cnn_dense(classes: int, image_size: tuple[int, int]) -> Network:
    """Three convolutions of 4 x 4 with 64, 256 and 512 filters, a dense layer of 64."""
    return _three_convolutions(classes, image_size, filters=(64, 256, 512))


def cnn_dense_batch_norm(
    classes: int, image_size: tuple[int, int], *, normalize: Literal["rows", "channels"] = "rows"
) -> Network:
    """cnn_dense with batch normalisation after each pooling.

    Args:
        normalize: `rows` has one mean and deviation for each row of the image, which is what the source ran (axis 1
            of tensors whose channels come last); `channels`, one for each channel, is what it will have meant.
    """
    if normalize not in ("rows", "channels"):
        raise unknown_name("normalisation", normalize, ("rows", "channels"))
    return _three_convolutions(classes, image_size, filters=(64, 256, 512), normalize=normalize)


class RowNorm(nn.BatchNorm2d):
    """Batch normalisation with a mean, a deviation, a scale and a shift for each row: (B, C, H, W) -> (B, C, H, W).

    Args:
        height: number of rows, H.
    """

    def __init__(self, height: int) -> None:
        super().__init__(height, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


def _three_convolutions(
    classes: int, image_size: tuple[int, int], filters: tuple[int, int, int], normalize: str | None = None
) -> Network:
    first, second, third = filters
    middle = [(side - 6) // 2 for side in image_size]
    height, width = ((side - 3) // 2 for side in middle)

    def norm(channels: int, rows: int) -> list[nn.Module]:
        if normalize is None:
            return []
        return [RowNorm(rows) if normalize == "rows" else keras_norm_2d(channels)]

    body = nn.Sequential(
        nn.Conv2d(1, first, 4),
        nn.ReLU(),
        nn.Conv2d(first, second, 4),
        nn.MaxPool2d(2),
        *norm(second, middle[0]),
        nn.Conv2d(second, third, 4),
        nn.MaxPool2d(2),
        *norm(third, height),
        Flatten(),
        nn.Linear(third * height * width, 64),
        nn.ReLU(),
    )
    return Network(body, nn.Linear(64, classes))


def keras_cnn(
    classes: int,
    image_size: tuple[int, int],
    *,
    dropout: float = 0.25,
    dense_dropout: float = 0.5,
    attention: Attention = "none",
) -> Network:
    """Convolutions of 3 x 3 with 32 and 64 filters, max pooling, a dense layer of 128, dropout before and after it.

    The MNIST example of Keras, with which the makers of Kuzushiji-MNIST set its baseline (arXiv:1812.01718).

    Args:
        dropout: share that is dropped after pooling in training.
        dense_dropout: share that is dropped after the dense layer in training.
        attention: what follows pooling: `se` (squeeze-and-excitation), `cbam` or `self` (self-attention), or `none`.
    """
    height, width = ((side - 4) // 2 for side in image_size)
    body = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        *attention_for(attention, 64),
        Dropout(dropout),
        Flatten(),
        nn.Linear(64 * height * width, 128),
        nn.ReLU(),
        Dropout(dense_dropout),
    )
    return Network(body, nn.Linear(128, classes))


def page_cnn(classes: int, image_size: tuple[int, int], *, dropout: float = 0.4) -> Network:
    """Four convolutions of 3 x 3 with 32 to 256 filters, dense layers of 5,000 and 1,000, all batch-normalised.

    The baseline of stlanier/Flatiron-School-Capstone-Project for characters of 80 x 80 pixels cut from pages.  As
    there, each convolution is followed by pooling, which rounds up, then by normalisation and relu.

    Args:
        dropout: share that is dropped after each of the two dense layers in training.
    """
    layers: list[nn.Module] = []
    channels, (height, width) = 1, image_size
    for filters in (32, 64, 128, 256):
        layers += [
            nn.Conv2d(channels, filters, 3, padding=1),
            nn.MaxPool2d(2, ceil_mode=True),
            keras_norm_2d(filters),
            nn.ReLU(),
        ]
        channels, height, width = filters, (height + 1) // 2, (width + 1) // 2
    layers.append(Flatten())
    inputs = channels * height * width
    for units in (5000, 1000):
        layers += [nn.Linear(inputs, units), keras_norm_1d(units), nn.ReLU(), Dropout(dropout)]
        inputs = units
    return Network(nn.Sequential(*layers), nn.Linear(inputs, classes))
