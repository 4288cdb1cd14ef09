"""A network as an estimator of scikit-learn, for its pipelines, searches and cross-validation."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data
from torch import nn

from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import Interrupted, UsageError
from kuzushiji.inference.device import device_for
from kuzushiji.inference.outputs import outputs
from kuzushiji.models import MODELS, create_model, resolve
from kuzushiji.runs.recipe import Recipe, check_for_fitting, named_recipe
from kuzushiji.runs.splits import Splits, read_splits
from kuzushiji.training.experiment import initialized
from kuzushiji.training.loop import fit, fit_once
from kuzushiji.training.tasks.classify import Classification


class KuzushijiClassifier(ClassifierMixin, BaseEstimator):
    """A network of `list_models()` that learns by `fit(X, y)`; nothing is written.

    X is images, (n, H, W), or the same as rows, (n, H * W): uint8 as they are, ink bright on black; other numbers are
    brought from the range that they have in `fit` to 0 to 255.

    Args:
        model: name of the network, or of a network with a recipe such as `nn_1_sgd`.
        recipe: a recipe or the name of one; the network's own if None.
        epochs, batch_size, lr: in the place of the recipe's, where not None.
        changes: other fields of the recipe to change, such as `{"rotate": 0.0}`.
        options: what the network lets one choose, such as `{"width": 32}`.
        image_size: height and width of images that come as rows; if None they are square, or, where their length is
            no square number, one row of pixels.
        random_state: seed of everything random; None for another one each time.
        device: auto, cpu, cuda or mps.

    Attributes:
        classes_: (C,), what is in y, sorted.
        image_size_: height and width of the images.
        n_features_in_: as scikit-learn has it, `X.shape[1]`.
        network_: the network, trained.
        history_: the metrics of each epoch, as `Run.metrics` has them.

    Example:
        >>> from sklearn.model_selection import cross_val_score
        >>> data = load("brush:kmnist", limit=500)                      # doctest: +SKIP
        >>> cross_val_score(KuzushijiClassifier("nn_1", epochs=5), data.images, data.labels).mean()  # doctest: +SKIP
    """

    def __init__(
        self,
        model: str = "lenet5",
        *,
        recipe: str | Recipe | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        changes: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        image_size: tuple[int, int] | None = None,
        random_state: int | np.random.RandomState | None = 0,
        device: str = "auto",
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.changes = changes
        self.options = options
        self.image_size = image_size
        self.random_state = random_state
        self.device = device

    def fit(self, X: ArrayLike, y: ArrayLike) -> "KuzushijiClassifier":
        """Trains a new network.

        Args:
            X: (n, H, W) or (n, H * W).
            y: (n,), the classes, whatever they are called; two at least.

        Raises:
            ValueError: X or y is not as described.
            UsageError: a parameter is wrong, or the images are too small for the network.
            Diverged: the loss stopped being finite.
        """
        pixels, classes = validate_data(self, X, y, allow_nd=True, dtype="numeric")
        check_classification_targets(classes)
        self.classes_, labels = np.unique(classes, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has 1 class, {self.classes_[0]!r}; a network needs at least 2 to tell apart")
        self.image_size_ = self._size_of(pixels)
        self._range = (float(pixels.min()), float(pixels.max()))
        data = CharacterImages(
            self._images(pixels), labels.astype(np.int64), tuple(map(str, self.classes_.tolist())), split="train"
        )
        model, recipe = self._chosen()
        device = device_for(model, self.device)
        self.history_: list[dict[str, Any]] = []
        try:
            with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
                self.network_ = self._trained(model, recipe, read_splits(data, recipe), device)
        except Interrupted:  # which a search would take for a failed fit, and go on
            raise KeyboardInterrupt from None
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable class of each image, (n,)."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """The probability of each class for each image, (n, C), in the order of `classes_`.

        Raises:
            NotFittedError: `fit` was not called before.
            ValueError: X is not as in `fit`.
        """
        check_is_fitted(self)
        pixels = validate_data(self, X, allow_nd=True, dtype="numeric", reset=False)
        if pixels.shape[1:] not in (self.image_size_, (math.prod(self.image_size_),)):
            raise ValueError(f"X has images of the shape {pixels.shape[1:]}; expected {self.image_size_}, as in fit")
        images = self._images(pixels)
        data = CharacterImages(images, np.zeros(len(images), np.int64), tuple(map(str, self.classes_.tolist())))
        device = next((each.device for each in self.network_.parameters()), torch.device("cpu"))
        said = [
            logits.double().softmax(1).cpu().numpy()
            for logits, _ in outputs(self.network_, data, device, torch.float32)
        ]
        return np.concatenate(said)

    def _chosen(self) -> tuple[str, Recipe]:
        """The network and its recipe, which keeps no images apart unless it needs them."""
        model, recipe_name = resolve(self.model)
        named = {"epochs": self.epochs, "batch_size": self.batch_size, "lr": self.lr}
        changes = {name: value for name, value in named.items() if value is not None} | dict(self.changes or {})
        recipe = self.recipe if isinstance(self.recipe, Recipe) else named_recipe(self.recipe or recipe_name)
        recipe = recipe.change(seed=_seed(self.random_state), **changes)
        if recipe.keep == "last" and not recipe.patience:
            recipe = recipe.change(validation_fraction=0.0)
        if MODELS[model].fitted:
            check_for_fitting(model, recipe, changes)
        return model, recipe

    def _trained(self, model: str, recipe: Recipe, splits: Splits, device: torch.device) -> nn.Module:
        torch.manual_seed(recipe.seed)
        network = create_model(
            model, classes=len(self.classes_), image_size=self.image_size_, **dict(self.options or {})
        )
        network = initialized(network, recipe, splits.train).to(device)
        task = Classification(splits.train, splits.validation, recipe, device)
        if MODELS[model].fitted:
            return fit_once(network, task, on_epoch=self.history_.append)
        network, _ = fit(network, task, on_epoch=self.history_.append)
        return network

    def _size_of(self, pixels: NDArray[Any]) -> tuple[int, int]:
        if pixels.ndim == 3:
            return pixels.shape[1], pixels.shape[2]
        if pixels.ndim != 2:
            raise ValueError(f"X has the shape {pixels.shape}; expected images (n, H, W), or rows (n, H * W)")
        length = pixels.shape[1]
        if self.image_size is None:
            side = math.isqrt(length)
            return (side, side) if side * side == length else (1, length)
        height, width = self.image_size
        if height * width != length:
            raise UsageError(f"an image_size of {height} x {width} has {height * width} pixels, but X has {length}")
        return height, width

    def _images(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        images = pixels.reshape(-1, *self.image_size_)
        if images.dtype == np.uint8:
            return images
        least, most = self._range
        shares = (images.astype(np.float64) - least) / ((most - least) or 1.0)
        return (shares.clip(0, 1) * 255).round().astype(np.uint8)


def _seed(random_state: int | np.random.RandomState | None) -> int:
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
