"""The state of a training that is not done."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import torch

from kuzushiji.errors import RunError
from kuzushiji.files import written_whole

FORMAT = 2

_BEGINNING = b"kuzushiji checkpoint, SHA-256 "
"""Then come the hash of what PyTorch wrote, and that; of older versions that alone."""

_START = len(_BEGINNING) + hashlib.sha256().digest_size


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes the state of a training, whole or not at all."""
    buffer = io.BytesIO()  # torch.save to a full disk raises errors that name neither the disk nor the file
    buffer.write(bytes(_START))
    torch.save({"format": FORMAT, **state}, buffer)
    content = buffer.getbuffer()
    content[:_START] = _BEGINNING + hashlib.sha256(content[_START:]).digest()
    with written_whole(path) as beside:
        beside.write_bytes(content)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Reads what `save_checkpoint` wrote.

    Raises:
        RunError: the file is missing, not whole, or another version's.
    """
    try:
        state = torch.load(io.BytesIO(_checked(path.read_bytes())), map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise RunError(f"{path} does not exist, so there is nothing to resume from") from None
    except Exception as error:  # torch.load raises many kinds on a damaged file
        raise RunError(f"{path} is not a whole checkpoint ({error}); train again from the start") from None
    written = state.pop("format", 1) if isinstance(state, dict) else None
    epochs = state.get("epochs", []) if isinstance(state, dict) else []
    if not _are_metrics(epochs):
        raise RunError(f"{path} is damaged: its epochs are {epochs!r:.60}; train again from the start")
    if written == FORMAT:
        return state
    if written == 1:  # of version 0.1, which knew one process alone
        return state and {**state, "random": [state["random"]], "average": state["average"] or {}}
    raise RunError(f"{path} was written by another version of kuzushiji; train again from the start, or go on there")


def _are_metrics(epochs: Any) -> bool:
    """Whether they are lines of a run's metrics."""
    try:
        json.dumps(epochs)
    except (TypeError, ValueError):
        return False
    return isinstance(epochs, list) and all(isinstance(each, dict) for each in epochs)


def _checked(content: bytes) -> bytes:
    """What PyTorch wrote of a checkpoint, if it is as it was written."""
    if not content.startswith(_BEGINNING):
        return content
    if hashlib.sha256(content[_START:]).digest() != content[len(_BEGINNING) : _START]:
        raise ValueError("its checksum is another")
    return content[_START:]
