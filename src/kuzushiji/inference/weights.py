"""A network as a file: the weights of a finished run, with its configuration."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from kuzushiji.errors import DataError, RunError, in_a_line
from kuzushiji.files import written_whole
from kuzushiji.models import create_model
from kuzushiji.models.detector import Detector
from kuzushiji.records import as_plain, from_plain, parse_json
from kuzushiji.runs.config import RunConfig
from kuzushiji.runs.detector import DetectorConfig

Kind = TypeVar("Kind")


def save_network(path: Path, network: nn.Module, config: RunConfig) -> None:
    """Writes a network as safetensors, with the run's configuration in the metadata, whole or not at all."""
    _save(path, network, config.to_dict())


def load_network(path: Path) -> tuple[nn.Module, RunConfig]:
    """Reads what `save_network` wrote; the one file is enough.

    Returns:
        The network in evaluation mode, and the configuration of its run.

    Raises:
        RunError: the file is missing, truncated or no network of ours.
    """
    config = read_config(path)
    outline = outline_network(config)
    weights = _weights(path)
    _check_fit(path, outline, weights)
    network = build_network(config)
    _give(path, network, weights)
    return network.eval(), config


def read_config(path: Path) -> RunConfig:
    """The configuration of the run whose network `save_network` wrote.

    Raises:
        RunError: the file is missing, damaged, or of another program.
    """
    return _config(path, RunConfig)


def read_classes(path: Path) -> tuple[str, ...]:
    """The classes of a network that `save_network` wrote, in the order of its head; none of any other file."""
    try:
        return read_config(path).classes
    except RunError:
        return ()


def save_detector(path: Path, network: nn.Module, config: DetectorConfig) -> None:
    """Writes a detector as `save_network` writes a network."""
    _save(path, network, as_plain(config))


def load_detector(path: Path) -> tuple[Detector, DetectorConfig]:
    """Reads what `save_detector` wrote.

    Raises:
        RunError: the file is missing, truncated or no detector of ours.
    """
    config = _config(path, DetectorConfig)
    weights = _weights(path)
    with torch.device("meta"):
        _check_fit(path, Detector(config.width, config.depth), weights)
    network = Detector(config.width, config.depth)
    _give(path, network, weights)
    return network.eval(), config


def build_network(config: RunConfig) -> nn.Module:
    """The network, with fresh weights, that a run's configuration describes.

    Raises:
        RunError: there can be no such network, or it is too large for the memory.
    """
    model = config.model
    try:
        return create_model(model.name, classes=len(config.classes), image_size=model.image_size, **model.options)
    except (RuntimeError, ValueError, TypeError, ArithmeticError, MemoryError) as error:
        raise RunError(f"the network {model.name} can't be made as it is described ({error})") from error


def outline_network(config: RunConfig) -> nn.Module:
    """The network without values: it can be counted and drawn, but computes nothing."""
    with torch.device("meta"):
        return build_network(config)


def _save(path: Path, network: nn.Module, config: Any) -> None:
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    written = json.dumps(config, ensure_ascii=False)
    data = save(weights, metadata={"format": "pt", "kuzushiji": written, "sha256": _hash(written, weights)})
    with written_whole(path) as beside:
        beside.write_bytes(data)


def _config(path: Path, kind: type[Kind]) -> Kind:
    try:
        with safe_open(path, framework="np") as file:
            written = parse_json((file.metadata() or {})["kuzushiji"])
        return from_plain(written, kind, tolerant=True)
    except FileNotFoundError:
        raise RunError(f"{path} does not exist: the run is not finished; resume it or choose another") from None
    except (SafetensorError, OSError, KeyError, ValueError, DataError) as error:
        raise RunError(f"{path} is not a whole network written by kuzushiji ({error})") from None


def _check_fit(path: Path, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Raises a RunError if these are not the weights of a network; before it is made, which may take any memory."""
    for name, parameter in network.named_parameters():
        if name not in weights or weights[name].shape != parameter.shape:
            found = f"is {tuple(weights[name].shape)}" if name in weights else "is missing"
            raise RunError(
                f"{path} does not hold the network that it describes: {name} {found}, "
                f"expected {tuple(parameter.shape)}; it is damaged"
            )


def _give(path: Path, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(f"{path} does not hold the network that it describes ({in_a_line(error)})") from None


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        return read_tensors(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path} is not a whole network written by kuzushiji ({error})") from None


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name; where it has a checksum of ours, as they were written.

    Raises:
        SafetensorError, OSError: it is none, or can't be read.
        ValueError: it is damaged.
    """
    with safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        texts = file.metadata() or {}
    if "kuzushiji" in texts and texts.get("sha256", "") not in ("", _hash(texts["kuzushiji"], weights)):
        raise ValueError("it is damaged: its checksum is another")
    return weights


def _hash(config: str, weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of a configuration and of names, types, shapes and bytes of tensors."""
    digest = hashlib.sha256(config.encode())
    for name, value in sorted(weights.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
