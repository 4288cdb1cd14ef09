"""The networks: `create_model(name, classes=, image_size=)` makes one, `list_models()` names them.

One contract for all.  A network takes images (B, 1, H, W), float in [0, 1], and gives logits (B, C).  `features(x)`
gives the embedding (B, D) before the last layer, `head` is that last layer, with D as its `in_features`, and
`replace_head(classes)` changes it for another set of classes.  Classical models, such as nearest neighbours, keep the
same contract, but have `fit` in the place of weights.

What is here needs no PyTorch; the module of a family is imported when one of its networks is made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any

from kuzushiji.errors import UsageError, unknown_name
from kuzushiji.registry import Registry

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class ModelEntry:
    """What is known of a network before it is made.

    Attributes:
        name: what `create_model` knows it by; also the name of the function that builds it.
        family: module of `kuzushiji.models` that holds this function.
        summary: what tells it from the others, in a few words.
        source: the project that it comes from, in a few words.
        reference: where this project or the paper behind it is found.
        recipe: name of the recipe that it is trained with unless another is asked for.
        image_size: height and width in pixels of the images that it was made for.
        classes: number of classes that it was made for.
        smallest: the least height and width in pixels that it can take.
        extra: what must be installed besides, as `pip install 'kuzushiji[EXTRA]'` names it.
        fitted: it is no network but keeps the same contract: it has `fit(images, labels)` in the place of weights
            that a gradient reaches (see `kuzushiji.models.fitted`).
    """

    name: str
    family: str
    summary: str
    source: str
    reference: str
    recipe: str
    image_size: int
    classes: int
    smallest: int = 1
    extra: str = ""
    fitted: bool = False

    @property
    def build(self) -> "Callable[..., nn.Module]":
        """The function that makes the network; `create_model` is the door to it that checks what it is given."""
        return getattr(import_module(f"kuzushiji.models.{self.family}"), self.name)

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that `create_model` takes for this network, with their default values."""
        parameters = signature(self.build).parameters.values()
        return {option.name: option.default for option in parameters if option.kind is option.KEYWORD_ONLY}


_OURS = ("this project", "blocks of He et al., arXiv:1512.03385")
_LENET = ("LeNet v. AlexNet", "LeCun et al. 1998, doi:10.1109/5.726791")
_ALEXNET = ("LeNet v. AlexNet", "after Krizhevsky et al. 2012, doi:10.1145/3065386")
_TWELVE = ("twelve networks", "medina325/kuzushiji-character-recognition on GitHub")
_KERAS = ("KMNIST baseline", "the MNIST example of Keras; Clanuwat et al., arXiv:1812.01718")
_TABLE = "KMNIST table"
_MAKERS = (_TABLE, "the table of results of rois-codh/kmnist on GitHub")
_DENSENET = (_TABLE, "Huang et al., arXiv:1608.06993")
_SHAKE = (_TABLE, "Gastaldi, arXiv:1705.07485")
_RESNET18 = (_TABLE, "He et al., arXiv:1512.03385; kuangliu/pytorch-cifar on GitHub")
_PREACT = (_TABLE, "He et al., arXiv:1603.05027; kuangliu/pytorch-cifar on GitHub")
_PREACT20 = ("He et al. 2016", "arXiv:1603.05027")
_WIDE = ("wide ResNets", "Zagoruyko and Komodakis, arXiv:1605.07146")
_VGG = (_TABLE, "Simonyan and Zisserman, arXiv:1409.1556; kuangliu/pytorch-cifar on GitHub")
_PAGES = ("page characters", "stlanier/Flatiron-School-Capstone-Project on GitHub")
_STRIDED = ("this project", "after fcn")
_XCEPTION = ("page characters", "Chollet, arXiv:1610.02357; legacy_xception of timm")
_RESNET152 = ("page characters", "He et al., arXiv:1603.05027; resnetv2_152 of timm")

MODELS: Registry[ModelEntry] = Registry("model")
"""All networks by name, the default first."""

for _entry in (
    ModelEntry("resnet", "resnet", "residual blocks, made for two cores", *_OURS, "default", 28, 10),
    ModelEntry("lenet5", "lenet", "2 convolutions, average pooling, tanh", *_LENET, "lenet5", 28, 49, 12),
    ModelEntry("alexnet", "alexnet", "4 convolutions, dense 1024-512", *_ALEXNET, "alexnet", 28, 49, 8),
    ModelEntry("nn_1", "mlp", "dense 64-64", *_TWELVE, "keras_adam", 28, 49),
    ModelEntry("nn_2", "mlp", "dense 64-64-128", *_TWELVE, "keras_adam", 28, 49),
    ModelEntry("nn_dense", "mlp", "dense 64-128-256-512", *_TWELVE, "keras_adam", 28, 49),
    ModelEntry("nn_dense_batch_norm", "mlp", "nn_dense, batch-normalised", *_TWELVE, "keras_adam", 28, 49),
    ModelEntry("cnn_1", "cnn", "3 convolutions 64-64-64", *_TWELVE, "keras_adam", 28, 49, 16),
    ModelEntry("cnn_2", "cnn", "3 convolutions 64-128-256", *_TWELVE, "keras_adam", 28, 49, 16),
    ModelEntry("cnn_dense", "cnn", "3 convolutions 64-256-512", *_TWELVE, "keras_sgd", 28, 49, 16),
    ModelEntry("cnn_dense_batch_norm", "cnn", "cnn_dense, batch-normalised", *_TWELVE, "keras_sgd", 28, 49, 16),
    ModelEntry("keras_cnn", "cnn", "2 convolutions 32-64, dropout", *_KERAS, "keras_adadelta", 28, 10, 6),
    ModelEntry("knn", "neighbours", "the 4 nearest training images", *_MAKERS, "fit", 28, 10, fitted=True),
    ModelEntry("pca_knn", "neighbours", "knn on 60 principal components", *_MAKERS, "fit", 28, 10, fitted=True),
    ModelEntry("svm", "svm", "support vectors, Gaussian kernel", *_MAKERS, "fit", 28, 10, fitted=True),
    ModelEntry("preact_resnet20", "resnet", "9 residual blocks, 16 to 64 channels", *_PREACT20, "preact", 28, 10),
    ModelEntry("wide_resnet", "resnet", "12 residual blocks, 160 to 640 channels", *_WIDE, "cifar", 28, 10),
    ModelEntry("resnet18", "resnet", "8 residual blocks, 64 to 512 channels", *_RESNET18, "cifar", 28, 10),
    ModelEntry("preact_resnet18", "resnet", "resnet18, normalised first", *_PREACT, "cifar", 28, 10),
    ModelEntry("vgg", "vgg", "13 convolutions, batch-normalised", *_VGG, "cifar", 28, 10),
    ModelEntry("densenet", "densenet", "96 layers that read all before them", *_DENSENET, "densenet", 28, 49, 4),
    ModelEntry("shake_shake", "shake", "12 blocks of two branches, shaken", *_SHAKE, "shake_shake", 28, 10),
    ModelEntry("page_cnn", "cnn", "4 convolutions 32 to 256, dense 5000-1000", *_PAGES, "page_cnn", 80, 514),
    ModelEntry("fcn", "fcn", "7 convolutions at full resolution", *_PAGES, "fcn", 80, 514),
    ModelEntry("fcn_strided", "fcn", "fcn on maps that shrink to a sixteenth", *_STRIDED, "default", 80, 514),
    ModelEntry("xception", "transfer", "made for photographs", *_XCEPTION, "transfer", 80, 514, 7, extra="transfer"),
    ModelEntry("resnet152v2", "transfer", "made for photographs", *_RESNET152, "transfer", 80, 514, extra="transfer"),
):
    MODELS.add(_entry.name, _entry)

VARIANTS: Mapping[str, tuple[str, str]] = {
    f"{model}_{optimizer}": (model, f"keras_{optimizer}")
    for model in ("nn_1", "nn_2", "cnn_1", "cnn_2")
    for optimizer in ("sgd", "adam")
}
"""Names that stand for a network with a recipe: the twelve networks were eight, four of them trained in two ways."""


@dataclass(frozen=True)
class Preset:
    """What a name stands for that is a whole training, of which each part can be said otherwise.

    Attributes:
        model: the network.
        options: what of the network is not as it is by default.
        image_size: pixels a side of the images.
        recipe: how it is trained from nothing.
        further: how a trained one is trained on; it keeps the classes that it knows.
        beside: of what it learnt from, what stands beside corrections of a book, if it is at hand.
    """

    model: str
    options: Mapping[str, Any]
    image_size: int
    recipe: str
    further: str
    beside: tuple[str, ...]


PRESETS: Mapping[str, Preset] = {
    "page": Preset("resnet", {"width": 48, "depth": 2, "stem": 16}, 64, "page", "page_further", ("kkanji", "kmnist6k")),
}
"""Trainings by the name of the network that ships."""


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
    if preset := PRESETS.get(name):
        options = ", ".join(f"{option}={value}" for option, value in preset.options.items())
        raise UsageError(
            f"{name} is what `kuzushiji train` knows a whole training by; its network is {preset.model} with {options}"
        )
    if name not in MODELS:
        raise unknown_name("model", name, [*MODELS, *VARIANTS])
    return name, MODELS[name].recipe


LARGEST = 4096
"""Pixels a side of the images that a network may take."""

MOST = 2**16
"""The most that an option of a network may be, such as its width."""


def create_model(name: str, *, classes: int, image_size: int | tuple[int, int], **options: Any) -> "nn.Module":
    """Makes a network, its weights drawn from PyTorch's global random generator.

    Args:
        name: one of `list_models()`.
        classes: number of classes, C.
        image_size: height and width of the images in pixels, or one number for both.
        options: what this network lets one choose; `MODELS[name].options` has them all with their defaults.

    Returns:
        A module that takes (B, 1, H, W) float in [0, 1] and gives logits (B, C).

    Raises:
        UsageError: no such network, no such option or not such a value for it, fewer than two classes, or images too
            small for this network.

    Example:
        >>> model = create_model("lenet5", classes=49, image_size=28)
        >>> model(torch.rand(2, 1, 28, 28)).shape
        torch.Size([2, 49])
    """
    entry = MODELS[name]
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if classes < 2:
        raise UsageError(f"a network needs at least 2 classes to tell apart, found {classes}")
    if min(height, width) < entry.smallest:
        least = entry.smallest
        raise UsageError(f"{name} needs images of at least {least} x {least} pixels, found {height} x {width}")
    if max(height, width) > LARGEST:
        raise UsageError(f"networks take images of at most {LARGEST} x {LARGEST} pixels, found {height} x {width}")
    allowed = entry.options
    for option, value in options.items():
        if option not in allowed:
            raise UsageError(f"{name} has no option {option!r}; it takes {', '.join(allowed) or 'none'}")
        default = allowed[option]
        if type(value) is not type(default) and not (type(default) is float and type(value) is int):
            raise UsageError(f"{option} of {name} is {value!r}; expected a value such as {default!r}")
        if isinstance(value, int) and not -1 <= value <= MOST:
            raise UsageError(f"{option} of {name} is {value}; the most is {MOST:,}")
    return entry.build(classes, (height, width), **options)
