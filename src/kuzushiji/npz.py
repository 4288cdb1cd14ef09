"""Several arrays in one npz file: written whole or not at all, read without running what is in it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from kuzushiji.errors import DataError
from kuzushiji.files import written_whole


def save_arrays(path: Path, arrays: Mapping[str, Any], *, compressed: bool = False) -> None:
    """Writes arrays, and whatever NumPy makes an array of, under their names."""
    with written_whole(path) as beside, open(beside, "wb") as file:
        (np.savez_compressed if compressed else np.savez)(file, **arrays)


@contextmanager
def opened_arrays(path: Path, what: str, written_by: str) -> Iterator[Mapping[str, Any]]:
    """Opens what `save_arrays` wrote; an array is read when it is asked for.

    Args:
        what: what the file is, for messages, such as `predictions file`.
        written_by: the command that writes it.

    Raises:
        DataError: the file is missing, truncated or something else, or what is done with its arrays within the context
            shows that they make no sense (`ValueError`, `KeyError` or `TypeError`).
    """
    try:
        # Opened here, for NumPy leaves a damaged archive open.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            yield arrays
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; `{written_by}` writes it") from None
    except (OSError, ValueError, KeyError, TypeError, BadZipFile, EOFError) as error:
        raise DataError(f"{path} is not a whole {what} ({error}); remove it and run `{written_by}`") from None
