"""`Recipe`: every choice of how a network is trained, and the recipes that have a name."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_origin

from kuzushiji.errors import UsageError, unknown_name

AUGMENTATIONS = ("translate", "rotate", "scale", "shear", "elastic", "thickness", "cutout", "erasing")
"""The recipe's fields that change images as they are trained on, each by so much; 0 for not at all."""


def option(default: Any, help: str, minimum: float | None = None, maximum: float | None = None) -> Any:
    """A field of the recipe: its default, what it means, and the values it may have (both ends included)."""
    return field(default=default, metadata={"help": help, "minimum": minimum, "maximum": maximum})


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.  Which network, and on what, is said elsewhere.

    Each field carries its meaning and its range in its metadata, which the command line shows.
    The defaults are the recipe `default`.

    Raises:
        UsageError: a value is out of range, or not one of the field's choices.
    """

    epochs: int = option(12, "passes over the training images", 1)
    batch_size: int = option(128, "images in one step", 1)
    optimizer: Literal["sgd", "adam", "adamw", "adadelta", "muon"] = option(
        "muon", "what turns gradients into steps; muon takes adamw's learning rates (Jordan 2024)"
    )
    lr: float = option(0.02, "learning rate; the highest one where a schedule changes it", 0)
    momentum: float = option(0.9, "momentum of sgd", 0, 1)
    nesterov: bool = option(True, "Nesterov's momentum (sgd)")
    weight_decay: float = option(0.05, "weight decay: decoupled for adamw and muon, else an L2 penalty", 0)
    sam: float = option(
        0.0, "radius within which the loss is to be low, 0 for none; two steps' cost (Foret et al. 2021)", 0
    )
    schedule: Literal["constant", "cosine", "one_cycle"] = option(
        "one_cycle", "learning rate over time: cosine goes down to 0, one_cycle up and then down to 0"
    )
    warmup: float = option(0.2, "part of the steps in which one_cycle climbs to lr", 0, 1)
    loss: Literal["cross_entropy", "mean_squared_error"] = option(
        "cross_entropy", "mean_squared_error is taken of the softmax"
    )
    label_smoothing: float = option(0.1, "share of the target spread over all classes (Szegedy et al. 2016)", 0, 0.99)
    logit_adjustment: float = option(
        0.0,
        "for long tails: so many times the logarithm of each class's share is added to its logit in training "
        "(Menon et al. 2021)",
        0,
        10,
    )
    balance: float = option(
        0.0, "for long tails: 0 draws each image as often as the others, 1 each class; 0.5 lies between", 0, 1
    )
    distillation: float = option(
        0.5, "weight of the teacher's answers against the labels, where there is a teacher (Hinton et al. 2015)", 0, 1
    )
    temperature: float = option(2.0, "by which the logits of teacher and pupil are divided to compare them", 0.01, 1000)
    translate: float = option(0.07, "augmentation: largest shift, as a share of the image's side", 0, 1)
    rotate: float = option(8.0, "augmentation: largest rotation in degrees", 0, 180)
    scale: float = option(0.1, "augmentation: largest change of size, as a share", 0, 0.9)
    shear: float = option(0.1, "augmentation: largest slant, as a share of the height", 0, 2)
    elastic: float = option(0.0, "augmentation: strength of elastic bend, as a share of the image's side", 0, 1)
    thickness: float = option(
        0.0, "augmentation: by how much strokes grow on either side or shrink at most, as a share of the side", 0, 0.5
    )
    cutout: float = option(0.0, "augmentation: side of a blanked square, as a share (DeVries and Taylor 2017)", 0, 1)
    erasing: float = option(
        0.0, "augmentation: how often a rectangle of random size becomes noise (Zhong et al. 2020)", 0, 1
    )
    recut: float = option(
        0.0,
        "augmentation: by how much the edges of a box move, as a share of its longer side, others coming in",
        0,
        0.5,
    )
    start_size: float = option(
        1.0, "images begin at this share of their size and grow to all of it over two thirds of the training", 0.1, 1
    )
    mixup: float = option(0.0, "images are mixed in shares of Beta(mixup, mixup), 0 for never (Zhang et al. 2018)", 0)
    manifold_mixup: float = option(0.0, "the same of what goes into a random layer (Verma et al. 2019)", 0)
    ema: float = option(0.0, "decay of the exponential moving average of the weights, 0 for none", 0, 0.999999)
    swa: float = option(
        0.0, "part of the training, at its end, whose weights are averaged evenly (Izmailov et al. 2018)", 0, 1
    )
    keep: Literal["best", "last"] = option(
        "last", "weights to keep: of the best epoch by validation accuracy, or of the last"
    )
    patience: int = option(0, "stop after so many epochs without a better validation accuracy, 0 for never", 0)
    validation: Literal["stratified", "last"] = option(
        "stratified", "validation images: a stratified sample of the training set, or its last images as Keras does"
    )
    validation_fraction: float = option(0.1, "share of the training set kept for validation", 0, 0.9)
    refit: float = option(
        0.0,
        "share of a data set's own validation images that train too, once all is chosen; the rest still calibrates",
        0,
        0.99,
    )
    initialization: Literal["pytorch", "keras", "whitening"] = option(
        "pytorch",
        "initial weights as PyTorch or as Keras draws them; whitening is PyTorch's, but for a first layer that tells "
        "the principal components of small patches (Jordan 2024)",
    )
    precision: Literal["auto", "float32", "bfloat16"] = option(
        "auto", "arithmetic; auto takes bfloat16 where the processor is fast at it"
    )
    batch_statistics: Literal["synchronized", "per_rank"] = option(
        "synchronized",
        "what batch normalization takes where several processes train: means over all of a batch, or per_rank over "
        "each one's part of it",
    )
    compile: bool = option(
        False, "torch.compile puts together what a step does: a long wait before the first, for quicker ones on GPUs"
    )
    seed: int = option(0, "seed of everything random", 0, 2**31 - 1)

    def __post_init__(self) -> None:
        for entry in fields(self):
            object.__setattr__(self, entry.name, _checked(entry.name, entry.type, getattr(self, entry.name), entry))
        if self.ema and self.swa:
            raise UsageError("ema and swa exclude one another; both average the weights")
        if self.mixup and self.manifold_mixup:
            raise UsageError(
                "mixup and manifold_mixup exclude one another; manifold_mixup mixes the images too, at times"
            )
        if self.compile and self.mixes:
            raise UsageError("compile excludes mixup and manifold_mixup, which change what each step does")

    @property
    def augments(self) -> bool:
        """Whether images are changed as they are trained on."""
        return any(getattr(self, name) for name in AUGMENTATIONS)

    @property
    def mixes(self) -> bool:
        """Whether images, or what a layer makes of them, are mixed."""
        return bool(self.mixup or self.manifold_mixup)

    def change(self, **changes: Any) -> "Recipe":
        """This recipe with some fields changed.

        Raises:
            UsageError: no such field, or a value that it can't have.
        """
        known = {entry.name for entry in fields(self)}
        for name in changes:
            if name not in known:
                raise unknown_name("recipe field", name, known)
        return replace(self, **changes)


def _checked(name: str, kind: Any, value: Any, entry: Any) -> Any:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UsageError(f"{name} is {value!r}; it can be {' or '.join(get_args(kind))}")
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise UsageError(f"{name} is {value!r}; expected a value of type {kind.__name__}")
    low, high = entry.metadata["minimum"], entry.metadata["maximum"]
    if (low is not None and not value >= low) or (high is not None and not value <= high) or value == float("inf"):
        limits = f"at least {low:g}" if high is None else f"from {low:g} to {high:g}"
        raise UsageError(f"{name} is {value}; it must be {limits}")
    return value


FIT_FIELDS = ("epochs", "validation", "validation_fraction", "seed")
"""What means something to classical models, which are fitted in one pass; of the epochs there can only be one."""

_PLAIN = Recipe(
    epochs=10,
    optimizer="sgd",
    lr=0.1,
    momentum=0.0,
    nesterov=False,
    weight_decay=0.0,
    schedule="constant",
    label_smoothing=0.0,
    translate=0.0,
    rotate=0.0,
    scale=0.0,
    shear=0.0,
    validation="last",
    initialization="keras",
)
"""What Keras does when it is told nothing: constant learning rate, no augmentation, Glorot's initial weights."""

_SGD = Recipe(epochs=18, batch_size=64, optimizer="sgd", lr=0.1, weight_decay=5e-4, label_smoothing=0.0)

_CIFAR = _SGD.change(
    epochs=30,
    batch_size=128,
    nesterov=False,
    schedule="cosine",
    translate=0.125,
    rotate=0.0,
    scale=0.0,
    shear=0.0,
)
"""Stochastic gradient descent with momentum 0.9 from a learning rate of 0.1 down a cosine, weight decay 5e-4."""

_PAGE = Recipe(
    epochs=13,
    batch_size=256,
    lr=0.015,
    weight_decay=0.02,
    logit_adjustment=0.2,
    translate=0.08,
    rotate=6.0,
    scale=0.15,
    shear=0.15,
    elastic=0.02,
    thickness=0.03,
    recut=0.04,
    ema=0.99,
    validation_fraction=0.02,
)
"""As the network `page` was trained: at the rate and for the epochs of its first training, on images changed as in its
last."""

RECIPES: dict[str, Recipe] = {
    "default": Recipe(),
    # The same images with stochastic gradient descent, which takes about four times as long to the same accuracy.
    "sgd": _SGD,
    # The least that surpasses what an AlexNet comes to in a few minutes.
    "quick": Recipe(epochs=6),
    # For few images of few hands: some ten minutes for six thousand, with all that makes a network look past the hand.
    # More rotation, scaling and slant than the default's, or strokes that change by more, make it worse.
    "strong": Recipe(epochs=200, elastic=0.04, thickness=0.05, cutout=0.5, ema=0.999),
    # LeNet-5 against AlexNet on Kuzushiji-49: Adam at Keras' defaults, 30 and 10 epochs.
    "lenet5": _PLAIN.change(optimizer="adam", lr=0.001, epochs=30, validation_fraction=0.1),
    "alexnet": _PLAIN.change(optimizer="adam", lr=0.001, epochs=10, validation_fraction=0.1),
    # Twelve networks on Kuzushiji-49: Keras' default SGD and Adam, the last 30 % for validation.
    "keras_sgd": _PLAIN.change(optimizer="sgd", lr=0.01, batch_size=64, validation_fraction=0.3),
    "keras_adam": _PLAIN.change(optimizer="adam", lr=0.001, batch_size=64, validation_fraction=0.3),
    # Losses, learning rates and batch sizes on Kuzushiji-MNIST: Adadelta, 12 epochs; 0.1 was its best rate.
    "keras_adadelta": _PLAIN.change(optimizer="adadelta", lr=0.1, epochs=12, validation_fraction=0.1),
    # Page scans cut into characters: its baseline, and its fully convolutional network, which saw each image once.
    "page_cnn": _PLAIN.change(
        optimizer="adam", lr=1e-4, batch_size=512, epochs=10, validation="stratified", validation_fraction=0.15
    ),
    "fcn": _PLAIN.change(
        optimizer="adam", lr=0.001, batch_size=80, epochs=1, validation="stratified", validation_fraction=0.15
    ),
    # Classical models, which are fitted in one pass; nothing is chosen on validation images.
    "fit": _PLAIN.change(epochs=1, validation="stratified", validation_fraction=0.0),
    # Residual networks of 18 layers and VGG as kuangliu/pytorch-cifar trains them, for as long as two cores can; its
    # random crops, by up to an eighth of the side, are shifts here, and nothing is mirrored.
    "cifar": _CIFAR,
    # The published recipe for ResNet-preact-20 on Kuzushiji-MNIST: 200 epochs, a cutout of 14 of 28 pixels.
    "preact": _CIFAR.change(epochs=200, lr=0.2, nesterov=True, weight_decay=1e-4, cutout=0.5),
    # DenseNet's paper, with a cosine in the place of steps.
    "densenet": _CIFAR.change(batch_size=64, nesterov=True, weight_decay=1e-4),
    # Shake-shake's paper, with the cutout of 14 of 28 pixels that the table of Kuzushiji-MNIST's makers names.
    "shake_shake": _CIFAR.change(lr=0.2, nesterov=True, weight_decay=1e-4, cutout=0.5),
    "page": _PAGE,
    # A trained one goes on: once through the images, gently, so that it forgets little; some thirty steps, of which the
    # average is kept.
    "page_further": _PAGE.change(epochs=1, lr=0.002, warmup=0.1, logit_adjustment=0.0, ema=0.9),
    # Networks that start from weights learnt on photographs: gentler than the default.
    "transfer": Recipe(optimizer="adamw", lr=1e-3, epochs=10, batch_size=64, weight_decay=0.01, label_smoothing=0.0),
}
"""The recipes that have a name.  Those that stand for a published experiment follow Keras in its initial weights,
its optimizers' defaults and, where it did so, its way of taking the last images for validation."""


def named_recipe(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        UsageError: there is none; the message names the nearest.
    """
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name]


def check_for_fitting(model: str, recipe: Recipe, named: Iterable[str] = ()) -> None:
    """Refuses what means nothing to a classical model.

    Args:
        model: its name.
        recipe: the recipe that it would be fitted by.
        named: the fields that were asked for by name.

    Raises:
        UsageError: a field that means nothing was named, or differs from that of the recipe `fit`.
    """
    fit = RECIPES["fit"]
    differing = [entry.name for entry in fields(Recipe) if getattr(recipe, entry.name) != getattr(fit, entry.name)]
    idle = [name for name in dict.fromkeys([*named, *differing]) if name not in FIT_FIELDS]
    if idle or recipe.epochs != 1:
        what = ", ".join(idle[:3]) or f"{recipe.epochs} epochs"
        raise UsageError(
            f"{model} is fitted in one pass, to which {what} {'mean' if len(idle) > 1 else 'means'} nothing; "
            f"it takes {', '.join(FIT_FIELDS[1:])}"
        )
