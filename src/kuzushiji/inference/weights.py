"""A network as a file: the weights of a finished run, with its configuration."""

import json
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from kuzushiji.errors import DataError, RunError
from kuzushiji.files import written_whole
from kuzushiji.models import create_model
from kuzushiji.models.detector import Detector
from kuzushiji.records import as_plain, from_plain
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
    network = build_network(config)
    network.load_state_dict(_weights(path))
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
    network = Detector(config.width, config.depth)
    network.load_state_dict(_weights(path))
    return network.eval(), config


def build_network(config: RunConfig) -> nn.Module:
    """The network, with fresh weights, that a run's configuration describes."""
    model = config.model
    return create_model(model.name, classes=len(config.classes), image_size=model.image_size, **model.options)


def outline_network(config: RunConfig) -> nn.Module:
    """The network without values: it can be counted and drawn, but computes nothing."""
    with torch.device("meta"):
        return build_network(config)


def _save(path: Path, network: nn.Module, config: Any) -> None:
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    data = save(weights, metadata={"format": "pt", "kuzushiji": json.dumps(config, ensure_ascii=False)})
    with written_whole(path) as beside:
        beside.write_bytes(data)


def _config(path: Path, kind: type[Kind]) -> Kind:
    try:
        with safe_open(path, framework="np") as file:
            written = json.loads((file.metadata() or {})["kuzushiji"])
        return from_plain(written, kind, tolerant=True)
    except FileNotFoundError:
        raise RunError(f"{path} does not exist: the run is not finished; resume it or choose another") from None
    except (SafetensorError, OSError, KeyError, ValueError, DataError) as error:
        raise RunError(f"{path} is not a whole network written by kuzushiji ({error})") from None


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise RunError(f"{path} is not a whole network written by kuzushiji ({error})") from None
