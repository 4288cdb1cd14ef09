"""What is searched, field by field, and the words for it.

lr=0.001..0.1 log           any number between, drawn on a logarithmic scale
momentum=0.8..0.99          any number between
batch_size=32..256 step 32  32, 64, 96, ..., 256
optimizer=sgd,adamw         one of these
nesterov=yes,no             one of these
option.width=16,32,64       an option of the network
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal, get_origin

from kuzushiji.errors import UsageError, unknown_name
from kuzushiji.models import MODELS, resolve
from kuzushiji.runs.recipe import Recipe

OPTION = "option."
"""What stands before the name of an option of the network."""

GRAMMAR = "NAME=A,B,C or NAME=LOW..HIGH, with `log` or `step S` after it"

_RANGE = re.compile(r"(?P<low>\S+?)\s*\.\.\s*(?P<high>\S+)(\s+(?P<log>log)|\s+step\s+(?P<step>\S+))?")

_TRUTH = {"true": True, "yes": True, "false": False, "no": False}

_DECIDE_THE_IMAGES = ("validation", "validation_fraction", "refit", "seed")
_DECIDE_THE_LOSS = ("loss", "label_smoothing")


@dataclass(frozen=True)
class Choices:
    """A field that is one of several values."""

    name: str
    values: tuple[Any, ...]

    @property
    def text(self) -> str:
        """The values as the grammar has them."""
        return ",".join(map(written, self.values))

    def count(self) -> int:
        """How many values there are."""
        return len(self.values)

    def grid(self) -> tuple[Any, ...]:
        """Every value."""
        return self.values

    def position(self, value: Any) -> float:
        """Where a value lies on an axis from 0 to 1 that all values share evenly."""
        return (self.values.index(value) + 0.5) / len(self.values)


@dataclass(frozen=True)
class Range:
    """A field that is a number between two, both included.

    Attributes:
        low, high: the ends; both int or both float.
        step: the values are `low`, `low + step` and so on; None for whatever lies between.
        log: the logarithm of the value is drawn evenly, not the value.
    """

    name: str
    low: int | float
    high: int | float
    step: int | float | None = None
    log: bool = False

    @property
    def text(self) -> str:
        """The range as the grammar has it."""
        scale = " log" if self.log else f" step {written(self.step)}" if self.step is not None else ""
        return f"{written(self.low)}..{written(self.high)}{scale}"

    def count(self) -> int:
        """How many values there are.

        Raises:
            UsageError: there is no end of them.
        """
        if self.step is None and (isinstance(self.low, float) or self.log):
            raise UsageError(f"a grid can't hold every {self.name} of {self.text}; list its values, or give a step")
        return math.floor((self.high - self.low) / (self.step or 1) + 1e-9) + 1

    def value(self, number: int) -> int | float:
        """The value of this number, from 0; rounded, for ten steps of 0.1 are not 1."""
        return type(self.low)(round(self.low + number * (self.step or 1), 12))

    def grid(self) -> tuple[Any, ...]:
        """Every value.

        Raises:
            UsageError: as in `count`.
        """
        return tuple(map(self.value, range(self.count())))

    def position(self, value: float) -> float:
        """Where a value lies between the ends, from 0 to 1, on the scale that is searched."""
        low, high = float(self.low), float(self.high)
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return (value - low) / (high - low)


Dimension = Choices | Range


def parse_assignment(text: str) -> tuple[str, str]:
    """Name and values of `lr=0.001..0.1 log`.

    Raises:
        UsageError: it is no such thing.
    """
    name, separator, values = (part.strip() for part in text.partition("="))
    if not (name and separator and values):
        raise UsageError(f"--search {text!r} does not say what to search; expected {GRAMMAR}")
    return name, values


def dimension(name: str, text: str, model: str, recipe: Recipe) -> Dimension:
    """What is searched of one field.

    Args:
        name: a field of the recipe, or `option.NAME` for an option of the network.
        text: the values, as the docstring of this module shows.
        model: the network.
        recipe: the recipe that the field belongs to, whose other fields are fixed or searched themselves.

    Raises:
        UsageError: there is no such field, it can't have such values, or it is none to search.
    """
    kind = _kind(name, model)
    found = _range(name, text, kind) if ".." in text else _choices(name, text, kind)
    if not name.startswith(OPTION):
        for value in (found.low, found.high) if isinstance(found, Range) else found.values:
            recipe.change(**{name: value})  # raises where the recipe can't have it
    return found


def check_objective(names: Iterable[str], objective: str) -> None:
    """Checks that all trials are measured by the same measure on the same images.

    Raises:
        UsageError: one of the names decides on what, or by what, a trial is measured.
    """
    for name in names:
        if name in _DECIDE_THE_IMAGES:
            raise UsageError(
                f"{name} can't be searched: it decides which images validate a trial, and trials can be compared on "
                f"the same images only. Fix it instead, such as --{name.replace('_', '-')} VALUE"
            )
        if objective == "loss" and name in _DECIDE_THE_LOSS:
            raise UsageError(
                f"{name} can't be searched with --objective loss: it changes the loss by which trials are compared. "
                "Leave --objective at accuracy"
            )


def written(value: Any) -> str:
    """A value as the grammar and the command line have it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, float) else str(value)


def _kind(name: str, model: str) -> type:
    """The type of a field's values."""
    if name.startswith(OPTION):
        network, option = resolve(model)[0], name.removeprefix(OPTION)
        options = MODELS[network].options
        if not options:
            raise UsageError(f"{network} has no options, so that {name} can't be searched")
        if option not in options:
            raise unknown_name(f"option of {network}", option, options)
        return type(options[option])
    kinds = {field.name: field.type for field in fields(Recipe)}
    if name not in kinds:
        if "." not in name and name in MODELS[resolve(model)[0]].options:
            raise UsageError(f"{name} is an option of the network; write {OPTION}{name}")
        raise unknown_name("recipe field", name, kinds)
    kind = kinds[name]
    return str if get_origin(kind) is Literal else kind  # type: ignore[return-value]


def _choices(name: str, text: str, kind: type) -> Choices:
    values = tuple(_value(name, part.strip(), kind) for part in text.split(","))
    twice = sorted({written(value) for value in values if values.count(value) > 1})
    if twice:
        raise UsageError(f"{name} has {' and '.join(twice)} twice")
    if len(values) == 1:
        flag = f"option {name.removeprefix(OPTION)}=" if name.startswith(OPTION) else f"{name.replace('_', '-')} "
        raise UsageError(f"{name} has a single value, which leaves nothing to search; fix it with --{flag}{text}")
    return Choices(name, values)


def _range(name: str, text: str, kind: type) -> Range:
    if kind not in (int, float):
        raise UsageError(f"{name} is no number, so that it has no range; list its values, such as {name}=A,B")
    parts = _RANGE.fullmatch(text)
    if parts is None:
        raise UsageError(f"{name}={text} can't be read; expected {GRAMMAR}")
    low, high = _value(name, parts["low"], kind), _value(name, parts["high"], kind)
    if not low < high:
        raise UsageError(f"{name} goes from {written(low)} to {written(high)}; the first must be the smaller")
    if parts["log"]:
        if low <= 0:
            raise UsageError(f"{name} begins at {written(low)}; a logarithmic range must begin above 0")
        return Range(name, low, high, log=True)
    if parts["step"]:
        step = _value(name, parts["step"], kind)
        if not 0 < step <= high - low:
            raise UsageError(f"{name} has steps of {written(step)}; expected above 0 and no more than {high - low:g}")
        stepped = Range(name, low, high, step)
        # It ends at the last step that fits.
        return Range(name, low, stepped.value(stepped.count() - 1), step)
    return Range(name, low, high)


def _value(name: str, text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() not in _TRUTH:
            raise UsageError(f"{name} is yes or no, found {text!r}")
        return _TRUTH[text.lower()]
    if kind is str:
        if not text:
            raise UsageError(f"{name} has an empty value")
        return text
    try:
        value = kind(text)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise UsageError(f"{name} has {text!r}; expected {expected}") from None
    if not math.isfinite(value):
        raise UsageError(f"{name} has {text!r}; expected a finite number")
    return value
