"""JSON Schema of the dataclasses that a page's JSON is decoded from, so that the API's description has it as it is."""

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}


def schema_of(kind: Any) -> dict[str, Any]:
    """The schema of a type: a dataclass, a plain value, a choice of words, or several of these.

    Example:
        >>> schema_of(tuple[str, ...])
        {'type': 'array', 'items': {'type': 'string'}}
    """
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        needed = [each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING]
        properties = {each.name: schema_of(hints[each.name]) for each in fields(kind)}
        return {"type": "object", "properties": properties, "required": needed}
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [schema_of(each) for each in inner]}
    if origin is tuple and inner[1:] == (...,):
        return {"type": "array", "items": schema_of(inner[0])}
    if origin is tuple:
        return {"type": "array", "prefixItems": [schema_of(each) for each in inner]}
    if origin is np.ndarray:
        return {"type": "array"}
    if origin is dict or kind is dict:
        return {"type": "object"}
    return {"type": _PLAIN[kind]} if kind in _PLAIN else {}
