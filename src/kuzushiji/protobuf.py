"""What an ONNX file is made of, found before anything is computed: its operators, its weights, whether it reads other
files, and whether it is as it was written.

An ONNX file is a message of Protocol Buffers.  Of it no more is read than which fields there are; a field is a number,
a kind and a value, <https://protobuf.dev/programming-guides/encoding/>, and the numbers are those of `onnx.proto`.
"""

import hashlib
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

_GRAPH, _FUNCTIONS = 7, 25
_NODES, _WEIGHTS = 1, 5
_OPERATOR, _DOMAIN = 4, 7
_EXTERNAL, _LOCATION = 13, 14
_SIDES, _TYPE, _NAME, _VALUES = 1, 2, 8, 9

_TYPES = {1: "<f4", 3: "<i1", 7: "<i8", 10: "<f2"}
"""Of the numbers of a weight, by their number in `onnx.proto`: those that `kuzushiji export` writes."""

_FIXED = {1: 8, 5: 4}
"""Bytes of the kinds that are always as long."""


_SEAL = b"\x72\x4a\x0a\x06sha256\x12\x40"
"""The beginning of one more text of the description, `sha256`, at the very end of the file; 64 letters follow."""


def sealed(model: bytes) -> bytes:
    """The model with the SHA-256 of all its bytes as a text in its description."""
    return model + _SEAL + hashlib.sha256(model).hexdigest().encode()


def is_broken(model: bytes) -> bool:
    """Whether the model was sealed, and is no longer as it was then."""
    content, seal = model[: -len(_SEAL) - 64], model[-len(_SEAL) - 64 :]
    return seal.startswith(_SEAL) and hashlib.sha256(content).hexdigest().encode() != seal[len(_SEAL) :]


def operators(model: bytes) -> set[str]:
    """The operators of the graph of a model, those of other programs after the name of their domain.

    Raises:
        ValueError: it is no model, or one that has functions of its own, or weights in other files.
    """
    found = set()
    for number, graph in _fields(memoryview(model)):
        if number == _FUNCTIONS:
            raise ValueError("it has functions of its own")
        for kind, part in _fields(graph) if number == _GRAPH else ():
            if kind == _NODES:
                node = dict(_fields(part))
                domain, name = (bytes(node.get(each, b"")).decode() for each in (_DOMAIN, _OPERATOR))
                found.add(f"{domain}.{name}" if domain else name)
            elif kind == _WEIGHTS and {_EXTERNAL, _LOCATION} & dict(_fields(part)).keys():
                raise ValueError("it has weights in other files")
    return found


def weights(model: bytes) -> dict[str, NDArray[Any]]:
    """The numbers that a model was written with, by name; they can't be changed.

    Raises:
        ValueError: it is no model, or one whose numbers are not written as `kuzushiji export` writes them.
    """
    found = {}
    for number, graph in _fields(memoryview(model)):
        for kind, part in _fields(graph) if number == _GRAPH else ():
            if kind == _WEIGHTS:
                name, values = _tensor(list(_fields(part)))
                found[name] = values
    return found


def _tensor(fields: list[tuple[int, memoryview]]) -> tuple[str, NDArray[Any]]:
    alone = dict(fields)
    name = bytes(alone.get(_NAME, b"")).decode()
    kind, _ = _whole(alone[_TYPE], 0) if _TYPE in alone else (0, 0)
    sides = [side for number, written in fields if number == _SIDES for side in _wholes(written)]
    if kind not in _TYPES or len(values := alone.get(_VALUES, b"")) != np.dtype(_TYPES[kind]).itemsize * prod(sides):
        raise ValueError(f"it has weights {name!r} that are written in another way")
    return name, np.frombuffer(values, _TYPES[kind]).reshape(sides)


def _wholes(written: memoryview) -> Iterator[int]:
    """The whole numbers that stand one after another."""
    place = 0
    while place < len(written):
        value, place = _whole(written, place)
        yield value


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The fields of a message: number and bytes."""
    place = 0
    while place < len(message):
        key, place = _whole(message, place)
        kind, length = key & 7, 0
        if kind == 0:
            length = _whole(message, place)[1] - place
        elif kind == 2:
            length, place = _whole(message, place)
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise ValueError(f"it has a field of the kind {kind}")
        if place + length > len(message):
            raise ValueError("it is cut off")
        yield key >> 3, message[place : place + length]
        place += length


def _whole(message: memoryview, place: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, and where it ends."""
    value = shift = 0
    while place < len(message) and shift < 70:
        byte = message[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
    raise ValueError("it is cut off")
