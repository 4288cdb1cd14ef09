"""A registry: names on one side, the things that they stand for on the other."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

from kuzushiji.errors import unknown_name

T = TypeVar("T")


class Registry(Generic[T]):
    """Maps names to entries; a wrong name gets an error that says what to type.

    Args:
        kind: what an entry is, for messages, such as "model".

    Example:
        >>> shapes = Registry("shape")
        >>> shapes.add("square", 4)
        >>> shapes["square"]
        4
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> None:
        """Enters `entry` under `name`.

        Raises:
            ValueError: the name is taken.
        """
        if name in self._entries:
            raise ValueError(f"the {self.kind} {name!r} is already registered")
        self._entries[name] = entry

    def names(self, pattern: str = "*") -> list[str]:
        """Names in the order of registration that match a shell pattern such as `"*sgd"`."""
        return [name for name in self._entries if fnmatchcase(name, pattern)]

    def __getitem__(self, name: str) -> T:
        """The entry called `name`.

        Raises:
            UsageError: no such name; the message names the nearest ones.
        """
        try:
            return self._entries[name]
        except KeyError:
            raise unknown_name(self.kind, name, self._entries) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
