"""The errors a user can meet.  Each message says what was found, what was expected and what to do."""

import operator
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any


class KuzushijiError(Exception):
    """Something failed in a way that the user can understand and mend.

    The command line prints the message without a traceback and exits with `exit_code`.
    """

    exit_code = 1


class UsageError(KuzushijiError):
    """A wrong value was asked for: an unknown name, a number out of range, options that contradict."""

    exit_code = 2


class DataError(KuzushijiError):
    """A data file is missing, truncated, mislabelled or not what its name says."""


class DataWarning(UserWarning):
    """Data was read, and something about it is odd: the command line prints what in a line."""


class DownloadError(DataError):
    """A file could not be fetched or did not arrive as published."""


class RunError(KuzushijiError):
    """A run folder is missing, incomplete, or a training in it could not go on."""


class Diverged(RunError):
    """The loss of a training stopped being finite; the same training would end so again."""


class RankLost(RunError):
    """Of several processes that train together, another one ended."""


class Interrupted(KuzushijiError):
    """Ctrl-C, or a request to terminate, ended the work at a point from which it can go on."""

    exit_code = 130


def whole_number(what: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """A value as the whole number that it must be.

    Args:
        what: what it is called in the message.

    Raises:
        UsageError: it is none, or out of range.
    """
    limits = f"from {least} to {most:,}" if most is not None else f"of at least {least}"
    try:
        number = operator.index(value)
    except TypeError:
        raise UsageError(f"{what} is {value!r}; expected a whole number {limits}") from None
    if number < least or (most is not None and number > most):
        raise UsageError(f"{what} is {number}; it must be {limits.removeprefix('of ')}")
    return number


def check_whole_numbers(numbers: Mapping[str, Any]) -> None:
    """Checks numbers of at least 1 by their names, those that were given: None is none.

    Raises:
        UsageError: one is no whole number, or too small.
    """
    for what, value in numbers.items():
        if value is not None:
            whole_number(what, value)


def in_a_line(error: object, most: int = 200) -> str:
    """What an error of another library says, in a line that is cut where it goes on; its kind if it says nothing."""
    return " ".join(str(error).split())[:most] or type(error).__name__


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Builds the error for a name that is not known, with the nearest names that are.

    Args:
        kind: what the name stands for, such as "model".
        name: what was asked for.
        known: all names that would have been right.
    """
    known = sorted(known)
    if not isinstance(name, str):
        return UsageError(f"{kind} is {name!r}; expected a name, such as {known[0] if known else ''}")
    near = get_close_matches(name, known, n=3, cutoff=0.5) or get_close_matches(name.casefold(), known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known[:40])}"
    return UsageError(f"there is no {kind} {name!r}; {hint}")
