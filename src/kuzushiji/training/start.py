"""What a training starts from instead of random weights: a run of ours, an exported file, weights, or ImageNet."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from kuzushiji.errors import DataError, DownloadError, KuzushijiError, RunError, UsageError, in_a_line
from kuzushiji.exported import open_network
from kuzushiji.fetch import AddressFailed, Fetcher, NoAddressGaveIt
from kuzushiji.files import expanded, file_hash
from kuzushiji.home import home
from kuzushiji.inference.restored import restore_network
from kuzushiji.inference.weights import read_classes, read_config, read_tensors
from kuzushiji.models.inspection import list_layers
from kuzushiji.models.transfer import BASE
from kuzushiji.repository import repository
from kuzushiji.runs.config import ModelConfig, StartConfig
from kuzushiji.runs.pulled import exported_alone
from kuzushiji.runs.run import find_run, run_path
from kuzushiji.shipped import shipped

Kind = Literal["run", "weights", "exported"]


@dataclass(frozen=True)
class Published:
    """A file of weights that its makers publish.

    Attributes:
        url: where it is.
        sha256: how its hash begins.
    """

    url: str
    sha256: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]


IMAGENET = {
    "xception": Published(
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-cadene/xception-43020ad28.pth",
        "43020ad28",
    )
}
"""The weights learnt on ImageNet, by network; those of Keras' ResNet152V2 are not published in a form that fits."""


def describe_start(
    model: str, from_run: str | Path | None, weights: str | Path | None, unfrozen: int | None
) -> StartConfig | None:
    """Finds what a training is to start from, and describes it for the run's configuration.

    Args:
        model: name of the network.
        from_run: name or path of a finished run of ours; else the name of a network that ships, or an exported file.
            `hf:OWNER/NAME` is one or the other.
        weights: a .safetensors, .pth or exported file; or `imagenet`, which is fetched if it is not there yet.
        unfrozen: how many of the last layers that start with given weights are trained; all of them if None.

    Returns:
        None for random weights.

    Raises:
        UsageError: there is no such run or file, or arguments contradict each other.
        DataError: the file is damaged, or of another kind.
        DownloadError: the weights could not be fetched; the message says how to do it by hand.
    """
    if from_run is not None and weights is not None:
        raise UsageError("a training starts from a run or from a file of weights; give one of them")
    if from_run is None and weights is None:
        if unfrozen is not None:
            raise UsageError("random weights can't be kept as they are; say with --from or --weights where to start")
        return None
    if unfrozen is not None and unfrozen < 0:
        raise UsageError(f"unfrozen is {unfrozen}; it must be 0 (the new layers alone) or more")
    if from_run is not None:
        kind, name, path = _trained_before(from_run)
    elif str(weights) == "imagenet":
        kind, name, path = "weights", "imagenet", _imagenet(model)
    else:
        kind, name, path = _weights_in(expanded(str(weights)))
    given, _ = _given(kind, path)
    # The weights of a network of ours, or of one of timm that ours is built around.
    part = "body." if any(tensor.startswith("body.") for tensor in given) else BASE
    return StartConfig(kind, name, str(path.resolve()), file_hash(path), part, unfrozen)


def _trained_before(name: str | Path) -> tuple[Kind, str, Path]:
    """Kind, name and file of what `--from` names."""
    if found := repository(name):
        found = found.pinned()
        if alone := exported_alone(found):
            return "exported", found.address, alone
        name = found.address
    elif not os.path.isfile(run_path(name, "", "") / "config.json"):
        if ships := shipped(str(name)):
            return "exported", str(name), ships
        if str(name).endswith(".onnx"):
            return _weights_in(expanded(str(name)))
    run = find_run(name)
    run.check_finished()
    return "run", str(name) if found else run.address, run.weights_file


def _weights_in(path: Path) -> tuple[Kind, str, Path]:
    if not path.is_file():
        raise UsageError(
            f"{path} is no file; expected a .safetensors or .pth file, an .onnx file of `kuzushiji export`, or imagenet"
        )
    return "exported" if path.suffix == ".onnx" else "weights", str(path.resolve()), path


def _given(kind: Kind, path: Path) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Tensors by name, and the classes in the order of the head; none where the file does not tell them."""
    if kind == "exported":
        network, described = restore_network(path)
        return network.state_dict(), described.classes
    return read_weights(path), read_classes(path)


def model_of(start: StartConfig) -> tuple[ModelConfig, tuple[str, ...]] | None:
    """The network that a training starts from, and its classes; None where its file does not tell.

    Raises:
        DataError: the file is no longer there.
    """
    path = Path(start.path)
    if start.kind == "exported":
        described, _ = open_network(path)
        return ModelConfig(described.network, described.options, described.image_size), described.classes
    try:
        config = read_config(path)
    except RunError:
        return None
    return config.model, config.classes


def start_from(
    network: nn.Module, start: StartConfig, image_size: tuple[int, int], classes: Sequence[str], read: bool = True
) -> int:
    """Gives a network the weights that a training starts from, and freezes what is to stay as it is.

    The head gets those of the classes that the run knew too; for the others see `load_head`.

    Args:
        network: changed in place.
        start: what `describe_start` gave.
        image_size: height and width of the images that the network takes.
        classes: what the network tells apart.
        read: False where the weights come from a checkpoint of the training, so that the file need no longer be there.

    Returns:
        How many classes the head knows.

    Raises:
        UsageError: the weights belong to another network.
        DataError: the file is missing, damaged or another one.
    """
    known = 0
    if read:
        path = Path(start.path)
        if not path.is_file() or file_hash(path) != start.sha256:
            raise DataError(f"{path} is no longer there, or not the file that the run began with; train anew")
        weights, its_classes = _given(start.kind, path)
        load_part(network, start.part, weights, start.name)
        known = load_head(network, weights, its_classes, classes)
    if start.unfrozen is not None:
        freeze(network, start.part, start.unfrozen, image_size)
    return known


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a .pth file that holds nothing else, by name.

    Raises:
        DataError: the file is damaged, or no file of weights.
    """
    try:
        if path.suffix == ".safetensors":
            weights = read_tensors(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
            weights = weights.get("state_dict", weights)
    except Exception as error:  # torch.load raises many kinds on a damaged file
        kind = "" if isinstance(error, SafetensorError) else f" as {type(error).__name__}"
        raise DataError(f"{path} can't be read as weights{kind} ({in_a_line(error)})") from None
    if not weights or not all(isinstance(value, Tensor) for value in weights.values()):
        raise DataError(f"{path} holds no weights by name; expected a .safetensors file or a PyTorch state_dict")
    return weights


def load_head(network: nn.Module, weights: dict[str, Tensor], known: Sequence[str], classes: Sequence[str]) -> int:
    """Gives a network's head what another head has learnt of the classes that both tell apart.

    Where most are known, each of the few others begins as their mean: unlikely, as any class is before it was seen.
    With random weights it is not, and would be named until the network has unlearnt that, and much else with it.

    Args:
        network: changed in place.
        weights: the tensors of the other network, by name.
        known: the classes of the other one.
        classes: those of this one.

    Returns:
        How many classes they share; 0 too if the heads are not of one kind and length, and nothing was changed.
    """
    places = {name: place for place, name in enumerate(known)}
    here = [place for place, name in enumerate(classes) if name in places]
    there = [places[classes[place]] for place in here]
    given = {}
    for name, value in network.state_dict().items():
        if not name.startswith("head."):
            continue
        found = weights.get(name)
        if found is None or found.shape != (len(known), *value.shape[1:])[: value.ndim]:  # () of a scale
            return 0
        given[name] = value.clone() if value.ndim else found
        if value.ndim:
            if len(here) > len(classes) / 2:
                given[name][:] = found.to(value).mean(0)
            given[name][here] = found[there].to(value)
    if here:
        network.load_state_dict(given, strict=False)
    return len(here)


def load_part(network: nn.Module, part: str, weights: dict[str, Tensor], source: str) -> None:
    """Gives a network the weights of one of its parts.

    Args:
        network: changed in place.
        part: what the names of its tensors begin with: `body.` for all but the head.
        weights: by the names that they have in the network, or in the part.
        source: what they are called in messages.

    Raises:
        UsageError: they do not fit; nothing was changed.
    """
    fits = "they must be of the same network with the same options"
    given = {}
    for name, value in network.state_dict().items():
        if not name.startswith(part):
            continue
        found = weights.get(name, weights.get(name.removeprefix(part)))
        if found is None and name.endswith("num_batches_tracked"):
            continue  # which old files lack
        if found is None:
            raise UsageError(f"the weights of {source} do not fit: they have no {name}; {fits}")
        if found.shape != value.shape:
            shapes = f"{name} is {_shape(found)} there and {_shape(value)} here"
            raise UsageError(f"the weights of {source} do not fit: {shapes}; {fits}")
        given[name] = found
    if not given:
        raise UsageError(f"the weights of {source} do not fit: this network has no part that they could be given to")
    network.load_state_dict(given, strict=False)


def freeze(network: nn.Module, part: str, unfrozen: int, image_size: tuple[int, int]) -> None:
    """Freezes a part of a network but for its last layers.

    Args:
        network: changed in place.
        part: what the names of its tensors begin with; whatever does not belong to it is trained.
        unfrozen: how many of the last layers with weights are trained: each convolution, normalisation and dense layer
            counts by itself, and a separable convolution as two.
        image_size: height and width of the images that the network takes.
    """
    network.requires_grad_(True)
    layers = [
        layer.name for layer in list_layers(network, image_size) if layer.parameters and layer.name.startswith(part)
    ]
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not name.startswith(part))
    for name in layers[max(0, len(layers) - unfrozen) :]:
        network.get_submodule(name).requires_grad_(True)


def training_mode(network: nn.Module) -> None:
    """Puts a network into training mode, but for its frozen layers.

    They stay as they are altogether: a frozen normalisation goes on with the means and deviations it has learnt, as in
    Keras.
    """
    network.train()
    for module in network.modules():
        own = list(module.parameters(recurse=False))
        if own and not any(parameter.requires_grad for parameter in own):
            module.eval()


def _imagenet(model: str) -> Path:
    """The file of ImageNet's weights, fetched if it is not there yet."""
    if model not in IMAGENET:
        raise UsageError(
            f"no weights learnt on ImageNet are published for {model}, only for {', '.join(IMAGENET)}; "
            "--weights FILE takes what you have"
        )
    published = IMAGENET[model]
    path = home() / "weights" / published.name
    if path.exists():
        return path
    by_hand = (
        f"\n\nBy hand:\n  1. fetch {published.url}\n"
        f"     on a machine that reaches it; its SHA-256 begins with {published.sha256}\n"
        f"  2. kuzushiji train {model} --weights {published.name} ..."
    )

    def check(arrived: Path) -> str:
        if not (found := file_hash(arrived)).startswith(published.sha256):
            raise AddressFailed(f"gave a file whose SHA-256 begins with {found[:9]}")
        return ""

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Fetcher().fetch([published.url], path, check=check)
    except NoAddressGaveIt as error:
        raise DownloadError(f"{published.name} could not be fetched: {error}{by_hand}") from None
    except OSError as error:
        raise KuzushijiError(f"{path} could not be written: {error.strerror or error}; nothing was lost") from error
    return path


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"
