"""How large the pages of a parquet file are when they are unpacked, by what each says of itself.

Arrow makes room for what the head of a page asks for, whatever the file says elsewhere of its sizes.  A head is a
struct of Thrift's compact protocol (`doc/specs/thrift-compact-protocol.md` of Apache Thrift); of its fields, which are
those of `PageHeader` in `parquet.thrift` of Apache Parquet, the sizes alone are wanted.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

_UNPACKED, _PACKED = 2, 3
_USUAL, _LONGEST = 2**12, 2**24
"""Bytes of a head, which may hold the least and the greatest value of its page."""
_DEEPEST = 8

_BOOLS, _BYTE, _INTEGERS, _TEXT, _LISTS, _STRUCT = (1, 2), 3, (4, 5, 6), 8, (9, 10), 12
_FIXED = {_BYTE: 1, 7: 8}
"""Bytes of the kinds that are always as long."""


def unpacked_sizes(file: BinaryIO, start: int, size: int) -> Iterator[int]:
    """The bytes that each page takes unpacked, of those from `start` on that are `size` bytes long together.

    Raises:
        ValueError: what is there are no pages.
    """
    end = start + size
    while start < end:
        head, sizes = _read(file, start, end)
        if min(sizes.get(_UNPACKED, -1), sizes.get(_PACKED, -1)) < 0:
            raise ValueError("a page has no size")
        yield sizes[_UNPACKED]
        start += head + sizes[_PACKED]


def _read(file: BinaryIO, start: int, end: int) -> tuple[int, dict[int, int]]:
    """How long the head is that begins at `start`, and its whole numbers."""
    for longest in (_USUAL, _LONGEST):
        file.seek(start)
        head = _Head(file.read(min(longest, end - start)))
        with suppress(EOFError):
            sizes = head.integers()
            return head.place, sizes
    raise ValueError("the head of a page is not whole")


class _Head:
    """A struct that is read from the beginning of some bytes.

    Attributes:
        place: how far it has been read.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.place = 0

    def integers(self, depth: int = 0) -> dict[int, int]:
        """The fields that are whole numbers, by their numbers.

        Raises:
            EOFError: it is not whole.
            ValueError: it is no struct.
        """
        found: dict[int, int] = {}
        number = 0
        while (first := self._byte()) != 0:
            step, kind = divmod(first, 16)
            number = number + step if step else self._integer()
            if kind in _INTEGERS:
                found[number] = self._integer()
            elif kind not in _BOOLS:  # which stand in the kind itself
                self._skip(kind, depth)
        return found

    def _skip(self, kind: int, depth: int) -> None:
        if depth > _DEEPEST:
            raise ValueError("the head of a page is too deep")
        if kind == _STRUCT:
            self.integers(depth + 1)
        elif kind in _INTEGERS:
            self._integer()
        elif kind in _LISTS:
            count, of = divmod(self._byte(), 16)
            for _ in range(self._natural() if count == 15 else count):
                self._skip(_BYTE if of in _BOOLS else of, depth + 1)
        elif kind == _TEXT:
            length = self._natural()
            self.place += length
        elif kind in _FIXED:
            self.place += _FIXED[kind]
        else:
            raise ValueError("the head of a page is none")

    def _byte(self) -> int:
        if self.place >= len(self._content):
            raise EOFError
        self.place += 1
        return self._content[self.place - 1]

    def _natural(self) -> int:
        found = shift = 0
        while (byte := self._byte()) >= 128:
            found |= (byte & 127) << shift
            shift += 7
        return found | byte << shift

    def _integer(self) -> int:
        natural = self._natural()
        return natural >> 1 ^ -(natural & 1)
