"""JSON files that are bound to what they were computed from: they say by a hash of which files, and of themselves."""

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from kuzushiji.errors import KuzushijiError
from kuzushiji.files import file_hash
from kuzushiji.records import as_plain, parse_json, write_json

_KEY = "sha256"


def write_bound(path: Path, record: Any, sources: Iterable[Path]) -> None:
    """Writes what was computed from some files, whole or not at all; where nothing can be written, nothing is."""
    with suppress(KuzushijiError, ValueError):  # it is computed again the next time
        values = parse_json(json.dumps(as_plain(record)))
        write_json(path, values | {_KEY: _bond(values, sources)})


def read_bound(path: Path, sources: Iterable[Path]) -> tuple[Any, bool | None]:
    """Reads what `write_bound` wrote.

    Returns:
        The plain values, and whether they are what was computed from these very files; None if the file does not say.

    Raises:
        OSError: a file is missing or can't be read.
        ValueError: it is no JSON with keys.
    """
    values = parse_json(path.read_bytes())
    if not isinstance(values, dict):
        raise ValueError(f"{path} has no keys")
    bond = values.pop(_KEY, None)
    return values, None if bond is None else bond == _bond(values, sources)


def _bond(values: Any, sources: Iterable[Path]) -> str:
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for path in sources:
        digest.update(file_hash(path).encode())
    return digest.hexdigest()
