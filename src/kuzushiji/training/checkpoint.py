"""The state of a training that is not done."""

import io
from pathlib import Path
from typing import Any

import torch

from kuzushiji.errors import RunError
from kuzushiji.files import written_whole

FORMAT = 2


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes the state of a training, whole or not at all."""
    buffer = io.BytesIO()  # torch.save to a full disk raises errors that name neither the disk nor the file
    torch.save({"format": FORMAT, **state}, buffer)
    with written_whole(path) as beside:
        beside.write_bytes(buffer.getbuffer())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Reads what `save_checkpoint` wrote.

    Raises:
        RunError: the file is missing, not whole, or another version's.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise RunError(f"{path} does not exist, so there is nothing to resume from") from None
    except Exception as error:  # torch.load raises many kinds on a damaged file
        raise RunError(f"{path} is not a whole checkpoint ({error}); train again from the start") from None
    written = state.pop("format", 1) if isinstance(state, dict) else None
    if written == FORMAT:
        return state
    if written == 1:  # of version 0.1, which knew one process alone
        return state and {**state, "random": [state["random"]], "average": state["average"] or {}}
    raise RunError(f"{path} was written by another version of kuzushiji; train again from the start, or go on there")
