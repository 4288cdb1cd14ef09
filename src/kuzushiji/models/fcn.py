"""Fully convolutional networks: no dense layer, no pooling but a global one at the end."""

from torch import Tensor, nn

from kuzushiji.errors import UsageError
from kuzushiji.models.network import Flatten, keras_norm_2d

FILTERS = (32, 64, 128, 256, 512, 1028)
"""Of the convolutions before the one for the classes."""


class ClassMaps(nn.Module):
    """The head of `fcn`: a map for each class, of which the highest point is the logit.

    Args:
        in_features: channels of the maps it reads, D.
        out_features: number of classes, C.
        kernel_size: of its convolution.
        relu: whether the maps are cut off at zero.
    """

    def __init__(self, in_features: int, out_features: int, kernel_size: int = 3, relu: bool = True) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.kernel_size = kernel_size
        self.relu = relu
        self.conv = nn.Conv2d(in_features, out_features, kernel_size, padding="same")
        self.norm = keras_norm_2d(out_features)
        self.activation = nn.ReLU() if relu else nn.Identity()
        self.pool = nn.AdaptiveMaxPool2d(1)
        self.flatten = Flatten()

    def maps(self, x: Tensor) -> Tensor:
        """The map of each class, (B, C, H, W), of maps (B, D, H, W): where its highest point is, the class was seen."""
        return self.activation(self.norm(self.conv(x)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) -> (B, C)."""
        return self.flatten(self.pool(self.maps(x)))


class FullyConvolutional(nn.Module):
    """Feature maps of the whole image, and a head that looks for each class everywhere.

    Args:
        body: images (B, 1, H, W) -> maps (B, D, H, W), or smaller ones.
        head: maps -> logits (B, C).
    """

    def __init__(self, body: nn.Module, head: ClassMaps) -> None:
        super().__init__()
        self.body = body
        self.head = head

    def features(self, x: Tensor) -> Tensor:
        """Embeddings (B, D) of images (B, 1, H, W): the highest point of each map.  The head reads the whole maps."""
        return self.body(x).amax((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, C) of images (B, 1, H, W)."""
        return self.head(self.body(x))

    def replace_head(self, classes: int) -> None:
        """Puts a new head for another number of classes in the place of the old one."""
        old = self.head
        self.head = ClassMaps(old.in_features, classes, old.kernel_size, old.relu).to(old.conv.weight)


def fcn(classes: int, image_size: tuple[int, int], *, pointwise: bool = False) -> FullyConvolutional:
    """Six convolutions with 32, 64, 128, 256, 512 and 1,028 filters and one for the classes, then a global maximum.

    The fully convolutional network of stlanier/Flatiron-School-Capstone-Project, made for characters of 80 x 80
    pixels cut from pages.  It keeps the full resolution throughout, which makes it by far the slowest here.

    Args:
        image_size: has no influence; the network takes images of any size.
        pointwise: the description of the source has 3 x 3 filters everywhere and relu on the maps of the classes,
            which is the default; its notebook ran the last two convolutions 1 x 1 and no relu after the last, which
            this asks for (2,629,338 parameters for 514 classes).
    """
    layers: list[nn.Module] = []
    channels = 1
    for filters in FILTERS:
        kernel_size = 1 if pointwise and filters == 1028 else 3
        layers += [nn.Conv2d(channels, filters, kernel_size, padding="same"), keras_norm_2d(filters), nn.ReLU()]
        channels = filters
    head = ClassMaps(channels, classes, kernel_size=1, relu=False) if pointwise else ClassMaps(channels, classes)
    return FullyConvolutional(nn.Sequential(*layers), head)


def fcn_strided(classes: int, image_size: tuple[int, int], *, stride: int = 16) -> FullyConvolutional:
    """`fcn` on maps that shrink: seven convolutions too, of which those after the first halve the image.

    It multiplies a two-hundredth as often as `fcn`, so that two processor cores can train it, and each point of its
    maps sees a whole character of 80 x 80 pixels (97 x 97) where one of `fcn` sees 15 x 15.  The maps of the classes
    are linear, as in the notebook of `fcn`.

    Args:
        image_size: has no influence; the network takes images of any size.
        stride: pixels of the image from one point of its maps to the next: 1, 2, 4, 8, 16 or 32.  4 suits images of
            28 x 28 pixels; 8 gives finer maps than 16 and costs three times as much.
    """
    halvings = stride.bit_length() - 1
    if not 1 <= stride <= 2 ** (len(FILTERS) - 1) or stride != 2**halvings:
        raise UsageError(f"stride of fcn_strided is {stride}; it can be 1, 2, 4, 8, 16 or 32")
    layers: list[nn.Module] = []
    channels = 1
    for number, filters in enumerate(FILTERS):
        step = 2 if 1 <= number <= halvings else 1
        layers += [nn.Conv2d(channels, filters, 3, step, padding=1), keras_norm_2d(filters), nn.ReLU()]
        channels = filters
    return FullyConvolutional(nn.Sequential(*layers), ClassMaps(channels, classes, relu=False))
