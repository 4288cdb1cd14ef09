"""Networks of dense layers alone: nn_1, nn_2, nn_dense, nn_dense_batch_norm.

They are those of medina325/kuzushiji-character-recognition, made for Kuzushiji-49: pixels in, relu between the layers.
"""

from itertools import pairwise

from torch import nn

from kuzushiji.models.network import Network, keras_norm_1d


def nn_1(classes: int, image_size: tuple[int, int]) -> Network:
    """Dense layers of 64 and 64 units."""
    return _perceptron(classes, image_size, units=(64, 64))


def nn_2(classes: int, image_size: tuple[int, int]) -> Network:
    """Dense layers of 64, 64 and 128 units."""
    return _perceptron(classes, image_size, units=(64, 64, 128))


def nn_dense(classes: int, image_size: tuple[int, int]) -> Network:
    """Dense layers of 64, 128, 256 and 512 units."""
    return _perceptron(classes, image_size, units=(64, 128, 256, 512))


def nn_dense_batch_norm(classes: int, image_size: tuple[int, int]) -> Network:
    """Dense layers of 64, 128, 256 and 512 units, batch normalisation after the relu of each but the first."""
    return _perceptron(classes, image_size, units=(64, 128, 256, 512), normalized=True)


def _perceptron(classes: int, image_size: tuple[int, int], units: tuple[int, ...], normalized: bool = False) -> Network:
    height, width = image_size
    layers: list[nn.Module] = [nn.Flatten(), nn.Linear(height * width, units[0]), nn.ReLU()]
    for inputs, outputs in pairwise(units):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        if normalized:
            layers.append(keras_norm_1d(outputs))
    return Network(nn.Sequential(*layers), nn.Linear(units[-1], classes))
