"""Dataclasses from plain values, as JSON and TOML files hold them, and back.

A field is read as its type says and is never turned into another type: a text that looks like a number is no number;
only a whole number may stand for a float.  A field that is missing has its default.  Tuples are lists in the file and
arrays are lists of lists; NaN, which JSON does not have, is null, and numbers are texts where they are keys.  Three
entries in a field's metadata say how it is written: `key`, where its name in the file is another one; `omit`, whether
it is left out where it has its default; and `gathers`, the keys whose entries stand beside those of the other fields
and are put together in this one, a mapping.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, fields, is_dataclass
from functools import cache
from math import isnan, nan
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

import numpy as np
from cattrs import AttributeValidationNote, ClassValidationError, Converter, IterableValidationError
from cattrs.cols import list_structure_factory, mapping_structure_factory
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from kuzushiji.errors import DataError, KuzushijiError, unknown_name
from kuzushiji.files import write_text

Kind = TypeVar("Kind")

_GATHERS = "gathers"

_IN_WORDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def as_plain(record: Any) -> Any:
    """A dataclass, or a list or mapping of such, as JSON has it: dicts, lists, texts, numbers and None."""
    return _converter(False).unstructure(record)


def from_plain(
    values: Any,
    kind: type[Kind],
    *,
    where: str = "",
    error: type[KuzushijiError] = DataError,
    tolerant: bool = False,
) -> Kind:
    """The dataclass that plain values describe.

    Args:
        values: what `as_plain` gave, or what a person wrote.
        kind: the dataclass.
        where: what the values are called in messages, such as the path of their file.
        error: what is raised.
        tolerant: pass over keys that are not known, such as those of a later version.

    Raises:
        KuzushijiError: of the type `error`: a value is missing, is not what its field holds, or has a key that is not
            known; the message says where, what was found and what was expected.
    """
    try:
        return _converter(tolerant).structure(values, kind)
    except Exception as problem:
        message = _told(problem)
        raise error(f"{where}: {message}" if where else message) from None


def read_json(path: Path, kind: type[Kind], *, error: type[KuzushijiError] = DataError, tolerant: bool = False) -> Kind:
    """The dataclass that a JSON file describes.

    Raises:
        FileNotFoundError: there is no such file.
        KuzushijiError: of the type `error`: as in `from_plain`, or the file can't be read.
    """
    try:
        values = parse_json(path.read_bytes())
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as problem:
        raise error(f"{path} can't be read ({problem})") from None
    return from_plain(values, kind, where=str(path), error=error, tolerant=tolerant)


def parse_json(text: str | bytes) -> Any:
    """The plain values that JSON describes, in which every text can be written again.

    Raises:
        ValueError: it is no JSON, nested too deep, or has half of a character.
    """
    text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    try:
        values = json.loads(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(values, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return values


def parse_toml(text: str) -> dict[str, Any]:
    """The plain values that TOML describes.

    Raises:
        ValueError: it is no TOML, or nested too deep.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def write_json(path: Path, record: Any, indent: int | None = None) -> None:
    """Writes a dataclass as JSON, whole or not at all."""
    write_text(path, json.dumps(as_plain(record), ensure_ascii=False, indent=indent))


class _Unfit(ValueError):
    """A value is not of the type of its field."""

    def __init__(self, value: Any, expected: str) -> None:
        super().__init__(f"is {value!r:.80}; expected {expected}")


def _told(problem: BaseException) -> str:
    """What went wrong first, and where."""
    place = ""
    while isinstance(problem, ClassValidationError | IterableValidationError):
        noted, other = problem.group_exceptions()
        if other:
            problem = other[0]
            continue
        inner, note = noted[0]
        if isinstance(note, AttributeValidationNote):
            field = next(each for each in fields(problem.cl) if each.name == note.name)
            place += "" if _GATHERS in field.metadata else f".{_key(field)}"
        else:
            place += f"[{note.index}]" if isinstance(note.index, int) else f".{note.index}"
        problem = inner
    place = place.removeprefix(".")
    if isinstance(problem, KeyError):
        return f"{place} is missing"
    if isinstance(problem, _Unfit):
        return f"{place or 'it'} {problem}"
    return f"{place}: {problem}" if place else f"{problem}"


@cache
def _converter(tolerant: bool) -> Converter:
    converter = Converter(unstruct_collection_overrides={tuple: list})

    for kind, words in _IN_WORDS.items():
        converter.register_structure_hook(kind, _exactly(kind, words))
    converter.register_structure_hook_factory(lambda kind: get_origin(kind) is Literal, _one_of)
    converter.register_structure_hook_factory(_is_array, _array)
    converter.register_structure_hook_factory(_is_tuple, _tuple)
    converter.register_structure_hook_factory(
        lambda kind: get_origin(kind) in (dict, Mapping),
        lambda kind, converter: _of_shape(Mapping, "a table", mapping_structure_factory(kind, converter)),
    )
    converter.register_structure_hook_factory(_by_number, _numbered)
    converter.register_structure_hook_factory(_is_record, lambda kind, converter: _record(kind, converter, tolerant))

    converter.register_unstructure_hook(float, lambda value: None if isnan(value) else float(value))
    converter.register_unstructure_hook(np.generic, lambda value: converter.unstructure(value.item()))
    converter.register_unstructure_hook_func(_is_array, lambda value: converter.unstructure(value.tolist()))
    converter.register_unstructure_hook_factory(_is_record, _record_as_plain)
    converter.register_unstructure_hook_func(
        _by_number, lambda mapping: {f"{key:g}": converter.unstructure(value) for key, value in mapping.items()}
    )
    return converter


def _key(field: Field[Any]) -> str:
    return field.metadata.get("key", field.name)


def _is_array(kind: Any) -> bool:
    return np.ndarray in (kind, get_origin(kind))


def _by_number(kind: Any) -> bool:
    return get_origin(kind) in (dict, Mapping) and get_args(kind)[0] is float


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)


def _is_tuple(kind: Any) -> bool:
    """Whether it is a tuple whose entries are all of one type."""
    return get_origin(kind) is tuple and len(set(get_args(kind)) - {Ellipsis}) == 1


def _overrides(kind: type) -> dict[str, Any]:
    return {each.name: override(rename=_key(each), omit_if_default=each.metadata.get("omit")) for each in fields(kind)}


def _exactly(kind: type, words: str) -> Callable[[Any, Any], Any]:
    def read(value: Any, _: Any) -> Any:
        if kind is float and type(value) in (int, NoneType):
            return nan if value is None else float(value)
        if type(value) is not kind:
            raise _Unfit(value, words)
        return value

    return read


def _one_of(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    choices = get_args(kind)

    def read(value: Any, _: Any) -> Any:
        if value not in choices:
            raise _Unfit(value, " or ".join(map(str, choices)))
        return value

    return read


def _array(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    """An array of the type in `NDArray[type]`, of any shape."""
    dtype = get_args(get_args(kind)[1])[0]

    def read(value: Any, _: Any) -> Any:
        try:
            return np.array(value, dtype=dtype)
        except (TypeError, ValueError):
            raise _Unfit(value, "numbers") from None

    return read


def _tuple(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    of_any_length = Ellipsis in get_args(kind)
    count = len(get_args(kind))
    read = list_structure_factory(list[get_args(kind)[0]], converter)  # type: ignore[arg-type, misc]

    def read_counted(values: Any, kind: Any) -> Any:
        if not of_any_length and len(values) != count:
            raise _Unfit(values, f"a list of {count}")
        return tuple(read(values, kind))

    return _of_shape((list, tuple), "a list", read_counted)


def _numbered(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    """A mapping whose keys are numbers, which JSON has as texts."""
    read = converter.get_structure_hook(Mapping[str, get_args(kind)[1]])  # type: ignore[misc]

    def read_numbered(values: Any, kind: Any) -> Any:
        try:
            return {float(key): value for key, value in read(values, kind).items()}
        except ValueError:
            raise _Unfit(list(values), "numbers") from None

    return read_numbered


def _record(kind: Any, converter: Converter, tolerant: bool) -> Callable[[Any, Any], Any]:
    gathered = {key: _key(each) for each in fields(kind) for key in each.metadata.get(_GATHERS, ())}
    known = [*(_key(each) for each in fields(kind) if _GATHERS not in each.metadata), *gathered]
    read = make_dict_structure_fn(kind, converter, **_overrides(kind))

    def read_known(values: Any, kind: Any) -> Any:
        for key in () if tolerant else values:
            if key not in known:
                raise unknown_name("key", str(key), known)
        plain: dict[str, Any] = {}
        for key, value in values.items():
            (plain.setdefault(gathered[key], {}) if key in gathered else plain)[key] = value
        return read(plain, kind)

    return _of_shape(Mapping, "a table", read_known)


def _record_as_plain(kind: Any, converter: Converter) -> Callable[[Any], Any]:
    write = make_dict_unstructure_fn(kind, converter, **_overrides(kind))
    gathers = [_key(each) for each in fields(kind) if _GATHERS in each.metadata]

    def write_spread(record: Any) -> Any:
        spread: dict[str, Any] = {}
        for key, value in write(record).items():
            spread |= value if key in gathers else {key: value}
        return spread

    return write_spread if gathers else write


def _of_shape(shape: Any, words: str, read: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`read`, but for values that are of another shape."""

    def read_shaped(values: Any, kind: Any) -> Any:
        if not isinstance(values, shape):
            raise _Unfit(values, words)
        return read(values, kind)

    return read_shaped
