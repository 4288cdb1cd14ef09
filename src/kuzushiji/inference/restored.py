"""An exported file -> a network that can be trained on: what `kuzushiji export` put together is taken apart again.

In the file a normalisation that follows a convolution, or a dense layer, is part of its weights.  Here it is one again
that changes nothing but adds what the layer lacks; `standardize` then lets it measure what it normalises, without which
a network would say one thing in evaluation and another in training.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kuzushiji.errors import DataError, KuzushijiError, in_a_line
from kuzushiji.exported import Description, DetectorDescription, open_detector, open_network
from kuzushiji.models import create_model
from kuzushiji.models.detector import Detector
from kuzushiji.protobuf import weights as weights_in

TOLERANCE = 1e-3
"""By how much what a network gives may differ from what its file gives, as a share of the greatest value."""

_PREFIX = "network."
"""What the names of a network's tensors begin with in a file."""


def restore_network(path: Path) -> tuple[nn.Module, Description]:
    """The network of an exported file, of whatever precision; it gives what the file gives, and can be trained.

    Returns:
        The network in evaluation mode, and what its file says of it.

    Raises:
        DataError: it is no exported file of ours, or one whose network can't be made again.
    """
    description, session = open_network(path)

    def make() -> nn.Module:
        classes, size = len(description.classes), description.image_size
        return create_model(description.network, classes=classes, image_size=size, **description.options)

    images = torch.rand(2, 1, *description.image_size, generator=torch.Generator().manual_seed(0))
    network = _restored(path, make, images)
    _check(path, network(images), session.run(["logits"], {"images": images.numpy()})[0])
    return network, description


def restore_detector(path: Path) -> tuple[Detector, DetectorDescription]:
    """The detector of an exported file, as `restore_network` makes a network.

    Raises:
        DataError: it is no exported detector of ours, or one that can't be made again.
    """
    description, session = open_detector(path)
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    network: Any = _restored(
        path, lambda: Detector(description.width, description.depth, len(description.roles)), images
    )
    maps = network(images)
    heat, boxes = session.run(["heat", "boxes"], {"images": images.numpy()})
    _check(path, maps.heat.sigmoid(), heat)
    _check(path, maps.boxes, boxes)
    return network, description


def standardize(network: nn.Module, images: Tensor) -> None:
    """Lets each batch normalisation expect what it gets of these images; in evaluation the network stays what it was.

    Args:
        network: changed in place.
        images: (B, 1, H, W) float, some hundred of those that it is to be trained on.
    """
    measured: dict[_BatchNorm, tuple[Tensor, Tensor]] = {}

    def measure(norm: nn.Module, given: tuple[Tensor, ...]) -> None:
        rest = [axis for axis in range(given[0].ndim) if axis != 1]
        variance, mean = torch.var_mean(given[0].float(), rest, correction=0)
        measured[norm] = mean, variance  # type: ignore[index]

    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
    with torch.no_grad():
        with _evaluating(network):
            network(images)
        for norm, (mean, variance) in measured.items():
            expected, spread = norm.running_mean, norm.running_var
            assert expected is not None  # what an exported network normalises by
            assert spread is not None
            slope = norm.weight / (spread + norm.eps).sqrt()
            norm.bias.add_(slope * (mean - expected))
            norm.weight.copy_(slope * (variance + norm.eps).sqrt())
            expected.copy_(mean)
            spread.copy_(variance)
    for hook in hooks:
        hook.remove()


def _restored(path: Path, make: Callable[[], nn.Module], images: Tensor) -> nn.Module:
    try:
        given = _stored(weights_in(path.read_bytes()))
        network = make().eval()
        with torch.no_grad():
            state = _taken_apart(network, given, images)
            network.load_state_dict(state)
    except (KuzushijiError, RuntimeError, ValueError, TypeError, KeyError) as error:
        reason = in_a_line(error)
        raise DataError(f"{path} does not hold the network that it describes ({reason}); export it again") from None
    return network.requires_grad_(True)


def _stored(found: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """The weights of a file in single precision, by their names in the network."""
    wide: dict[str, NDArray[Any]] = {}
    for name, values in found.items():
        name, _, precision = name.removeprefix(_PREFIX).rpartition(".")
        match precision:
            case "float16":
                wide[name] = values.astype(np.float32)
            case "int8":
                wide[name] = values * found[f"{_PREFIX}{name}.scale"]
            case _:
                wide[f"{name}.{precision}" if name else precision] = values
    return {name: torch.from_numpy(np.array(values)) for name, values in wide.items()}


def _taken_apart(network: nn.Module, given: Mapping[str, Tensor], images: Tensor) -> dict[str, Tensor]:
    """The state of a network, of whose normalisations some are parts of the layers before them."""
    state = network.state_dict()
    names = {module: name for name, module in network.named_modules()}
    before = _layers_before(network, images)
    found = dict(given)
    for norm in (module for module in names if isinstance(module, _BatchNorm)):
        name = names[norm]
        if f"{name}.weight" in given or norm not in before:
            continue
        nothing = torch.zeros(norm.num_features)
        found[f"{name}.weight"] = nothing + (1 + norm.eps) ** 0.5
        found[f"{name}.bias"] = given.get(f"{names[before[norm]]}.weight_bias", nothing)  # else it is the layer's own
        found |= {f"{name}.running_mean": nothing, f"{name}.running_var": nothing + 1}
    for name in state:
        if not name.endswith("num_batches_tracked"):
            if name not in found:
                raise ValueError(f"it has no {name}")
            state[name] = found[name]
    return state


def _layers_before(network: nn.Module, images: Tensor) -> dict[nn.Module, nn.Module]:
    """The layer whose output each batch normalisation takes."""
    made_by: dict[int, tuple[nn.Module, Tensor]] = {}  # with the tensor, lest another be made at its address
    before: dict[nn.Module, nn.Module] = {}

    def note(module: nn.Module, given: tuple[Tensor, ...], made: Any) -> None:
        if isinstance(module, _BatchNorm):
            if id(given[0]) in made_by:
                before[module] = made_by[id(given[0])][0]
        elif isinstance(made, Tensor) and not list(module.children()):
            made_by[id(made)] = module, made

    hooks = [module.register_forward_hook(note) for module in network.modules()]
    network(images)
    for hook in hooks:
        hook.remove()
    return before


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _check(path: Path, made: Tensor, expected: NDArray[Any]) -> None:
    scale = max(1.0, float(np.abs(expected).max()))
    difference = float(np.abs(made.detach().numpy() - expected).max()) / scale
    if not difference <= TOLERANCE:
        raise DataError(
            f"{path} computes something else than the network that it describes (by {difference:.2g} of the greatest "
            "value); export it again"
        )
