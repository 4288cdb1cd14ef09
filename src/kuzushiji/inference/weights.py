"""A network as a file: the weights of a finished run, with its configuration."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from kuzushiji.errors import RunError
from kuzushiji.files import written_whole
from kuzushiji.models import create_model


def save_network(path: Path, network: nn.Module, config: dict[str, Any]) -> None:
    """Writes a network as safetensors, with the run's configuration in the metadata, whole or not at all."""
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    data = save(weights, metadata={"format": "pt", "kuzushiji": json.dumps(config, ensure_ascii=False)})
    with written_whole(path) as beside:
        beside.write_bytes(data)


def load_network(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Reads what `save_network` wrote; the one file is enough.

    Returns:
        The network in evaluation mode, and the configuration of its run.

    Raises:
        RunError: the file is missing, truncated or no network of ours.
    """
    try:
        with safe_open(path, framework="pt") as file:
            config = _config_in(file)
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise RunError(f"{path} does not exist: the run is not finished; resume it or choose another") from None
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise RunError(f"{path} is not a whole network written by kuzushiji ({error})") from None
    network = build_network(config)
    network.load_state_dict(weights)
    return network.eval(), config


def read_classes(path: Path) -> tuple[str, ...]:
    """The classes of a network that `save_network` wrote, in the order of its head; none of any other file."""
    if path.suffix != ".safetensors":
        return ()
    with safe_open(path, framework="pt") as file:
        try:
            return tuple(_config_in(file)["classes"])
        except (ValueError, KeyError, TypeError):
            return ()  # another program's


def _config_in(file: Any) -> dict[str, Any]:
    """The configuration in the metadata of an open safetensors file."""
    return json.loads((file.metadata() or {})["kuzushiji"])


def build_network(config: dict[str, Any]) -> nn.Module:
    """The network, with fresh weights, that a run's configuration describes."""
    model = config["model"]
    return create_model(
        model["name"], classes=len(config["classes"]), image_size=tuple(model["image_size"]), **model["options"]
    )
