"""The networks: `create_model(name, classes=, image_size=)` makes one, `list_models()` names them.

One contract for all.  A network takes images (B, 1, H, W), float in [0, 1], and gives logits (B, C).  `features(x)`
gives the embedding (B, D) that its last layer reads, and `head` is that last layer; `replace_head` puts another one in
its place.

What is here is a table and needs no PyTorch; the module of a family is imported when one of its networks is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any

from kuzushiji.errors import UsageError, unknown_name
from kuzushiji.registry import Registry

if TYPE_CHECKING:
    from torch import nn

LENET_ALEXNET = "the LeNet-5 / AlexNet comparison on Kuzushiji-49"
TWELVE_NETWORKS = "medina325/kuzushiji-character-recognition"
KERAS_EXAMPLE = "the MNIST CNN example of Keras, as the Kuzushiji-MNIST benchmark has it"
PAGES = "stlanier/Flatiron-School-Capstone-Project"


@dataclass(frozen=True)
class ModelEntry:
    """What is known of a network before it is made.

    Attributes:
        name: what `create_model` knows it by; also the name of the function that builds it.
        family: module of `kuzushiji.models` that holds this function.
        summary: one line that tells it from the others.
        source: the paper or project that it comes from.
        recipe: name of the recipe that it is trained with unless another is asked for.
        image_size: height and width of the images that it was made for.
        classes: number of classes that it was made for.
        smallest: the least height and width that it can take.
    """

    name: str
    family: str
    summary: str
    source: str
    recipe: str
    image_size: int
    classes: int
    smallest: int

    def build(self, *, classes: int, image_size: tuple[int, int], **options: Any) -> "nn.Module":
        """Makes the network; `create_model` is the door that checks what it is given."""
        return getattr(import_module(f"kuzushiji.models.{self.family}"), self.name)(classes, image_size, **options)

    def options(self) -> Mapping[str, Any]:
        """The options that `create_model` takes for this network, with their default values."""
        function = getattr(import_module(f"kuzushiji.models.{self.family}"), self.name)
        parameters = signature(function).parameters.values()
        return {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}


MODELS: Registry[ModelEntry] = Registry("model")
for entry in (
    ModelEntry(
        "resnet", "resnet", "small residual network, made for two processor cores", "this project", "default", 28, 10, 8
    ),
    ModelEntry("lenet5", "lenet", "LeNet-5, tanh and average pooling", LENET_ALEXNET, "lenet5", 28, 49, 12),
    ModelEntry("nn_1", "mlp", "dense 64-64", TWELVE_NETWORKS, "keras_adam", 28, 49, 1),
    ModelEntry("cnn_1", "cnn", "three convolutions of 64", TWELVE_NETWORKS, "keras_adam", 28, 49, 16),
    ModelEntry("keras_cnn", "cnn", "two convolutions, dropout", KERAS_EXAMPLE, "keras_adadelta", 28, 10, 6),
):
    MODELS.add(entry.name, entry)

VARIANTS = {
    f"{model}_{optimizer}": (model, f"keras_{optimizer}")
    for model in ("nn_1", "nn_2", "cnn_1", "cnn_2")
    for optimizer in ("sgd", "adam")
}
"""Names that stand for a network and the recipe it was trained with."""


def list_models(pattern: str = "*") -> list[str]:
    """Names of the networks that match a shell pattern such as `"cnn*"`."""
    return MODELS.names(pattern)


def resolve(name: str) -> tuple[str, str]:
    """The network and the recipe that a name stands for.

    Args:
        name: a network, which comes with its own recipe, or one of `VARIANTS`, such as `nn_1_sgd`.

    Raises:
        UsageError: no such name; the message names the nearest ones.
    """
    if name in VARIANTS:
        return VARIANTS[name]
    if name not in MODELS:
        raise unknown_name("model", name, [*MODELS, *VARIANTS])
    return name, MODELS[name].recipe


def create_model(name: str, *, classes: int, image_size: int | tuple[int, int], **options: Any) -> "nn.Module":
    """Makes a network, its weights drawn from PyTorch's global random generator.

    Args:
        name: one of `list_models()`.
        classes: number of classes, C.
        image_size: height and width of the images in pixels, or one number for both.
        options: what this network lets one choose, see `ModelEntry.options`.

    Returns:
        A module that takes (B, 1, H, W) float in [0, 1] and gives logits (B, C), with `features` and `head`.

    Raises:
        UsageError: no such network, no such option, fewer than two classes, or images too small for it.

    Example:
        >>> model = create_model("lenet5", classes=49, image_size=28)
        >>> model(torch.rand(2, 1, 28, 28)).shape
        torch.Size([2, 49])
    """
    entry = MODELS[name]
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if classes < 2:
        raise UsageError(f"a classifier needs 2 classes or more, found {classes}")
    if min(height, width) < entry.smallest:
        raise UsageError(
            f"{name} needs images of at least {entry.smallest} x {entry.smallest} pixels, found {height} x {width}"
        )
    allowed = entry.options()
    for option in options:
        if option not in allowed:
            raise UsageError(f"{name} has no option {option!r}; it takes {', '.join(allowed) or 'none'}")
    return entry.build(classes=classes, image_size=(height, width), **options)
