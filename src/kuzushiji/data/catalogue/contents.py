"""What is in an archive of images of which no hash was published: its own hash, and which images in it are known.

The hash of a content is SHA-256 of this, for each image in the order of these texts: `U+4E00/NAME.png`, a zero byte,
and SHA-256 of `64x64:` (its height and width) and its pixels.  It is the same however the images are packed.
"""

import hashlib
import itertools
import math
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.files.decode import pixel_hashes
from kuzushiji.data.files.listing import list_images
from kuzushiji.errors import KuzushijiError
from kuzushiji.records import from_plain, parse_json, write_json

SHORT = 3
"""Bytes of a hash that tell a known image from the others of its class: another has the same once in 500,000 times."""

_AT_ONCE = 1024
_MOST_CHOICES = 4096


@dataclass(frozen=True, eq=False)
class Content:
    """The images of an archive.

    Attributes:
        digest: the hash of all, in hexadecimal.
        hashes: character -> `pixel_hash` of each of its images.
    """

    digest: str
    hashes: Mapping[str, tuple[bytes, ...]]

    @property
    def count(self) -> int:
        """Number of images."""
        return sum(map(len, self.hashes.values()))


_LAST: dict[str, Content] = {}
"""The content that was looked at last, by the hash of its file: what arrives is checked, and then noted."""


def content_of(path: Path, sha256: str) -> Content:
    """Decodes and hashes every image of a tar.

    Args:
        path: the tar.
        sha256: of the file.

    Raises:
        DataError: it is damaged, or something else; the message names the image.
    """
    if sha256 in _LAST:
        return _LAST[sha256]
    hashes: list[bytes] = []
    with tempfile.TemporaryDirectory() as scratch:
        listing = list_images(path).unpacked(Path(scratch, "unpacked.tar"))
        for start in range(0, len(listing), _AT_ONCE):
            hashes += pixel_hashes(listing, list(range(start, min(start + _AT_ONCE, len(listing)))))
    digest = hashlib.sha256()
    of_class: dict[str, list[bytes]] = defaultdict(list)
    names = ["/".join(name.rsplit("/", 2)[-2:]) for name in listing.names]
    for name, label, each in sorted(zip(names, listing.labels.tolist(), hashes, strict=True)):
        digest.update(name.encode(errors="surrogateescape") + b"\0" + each)
        of_class[listing.classes[label]].append(each)
    content = Content(digest.hexdigest(), {name: tuple(found) for name, found in of_class.items()})
    _LAST.clear()
    _LAST[sha256] = content
    return content


@dataclass(frozen=True)
class Found:
    """Which of the known images an archive holds.

    Attributes:
        known: how many are known.
        there: how many of these are there, with the pixels that they had.
        others: how many images there are beside them.
        same: whether all known ones are there by the whole of their hashes, and not only by the beginning of each.
    """

    known: int
    there: int
    others: int
    same: bool


@dataclass(frozen=True, eq=False)
class Known:
    """Images that are known to be in an archive as it was published, though not all of them may be.

    Attributes:
        classes: the characters.
        counts: how many images of each are known.
        short: uint8 (N, SHORT), the beginnings of their hashes, class by class, sorted within each.
        whole: SHA-256 of all their hashes, in this order.
    """

    classes: tuple[str, ...]
    counts: tuple[int, ...]
    short: NDArray[np.uint8]
    whole: bytes

    @classmethod
    def of(cls, content: Content) -> "Known":
        """Takes all images of an archive for known."""
        classes = tuple(sorted(content.hashes))
        ordered = [sorted(content.hashes[name]) for name in classes]
        every = np.frombuffer(b"".join(itertools.chain(*ordered)), np.uint8).reshape(-1, 32)
        return cls(classes, tuple(map(len, ordered)), every[:, :SHORT], _whole(itertools.chain(*ordered)))

    @classmethod
    def load(cls, path: Path) -> "Known":
        """Reads what `save` wrote."""
        with np.load(path) as file:
            classes = tuple(map(chr, file["classes"].tolist()))
            return cls(classes, tuple(file["counts"].tolist()), file["short"].T, file["whole"].tobytes())

    def save(self, path: Path) -> None:
        """Writes an npz file: code points, counts, beginnings of hashes by columns, and the hash of all hashes."""
        with open(path, "wb") as file:
            np.savez_compressed(
                file,
                classes=np.array([ord(name) for name in self.classes], np.uint32),
                counts=np.array(self.counts, np.uint16),
                short=np.ascontiguousarray(self.short.T),
                whole=np.frombuffer(self.whole, np.uint8),
            )

    def found_in(self, content: Content) -> Found:
        """Looks for the known images, each in its class; of what was added to a class nothing follows."""
        short = self.short.tobytes()
        there = place = 0
        matching: list[tuple[tuple[bytes, ...], int]] = []
        for name, count in zip(self.classes, self.counts, strict=True):
            end = place + SHORT * count
            wanted = Counter(short[start : start + SHORT] for start in range(place, end, SHORT))
            place = end
            having: dict[bytes, list[bytes]] = defaultdict(list)
            for each in sorted(content.hashes.get(name, ())):
                having[each[:SHORT]].append(each)
            there += sum(min(number, len(having[begins])) for begins, number in wanted.items())
            matching += [(tuple(having[begins]), number) for begins, number in sorted(wanted.items())]
        known = sum(self.counts)
        same = there == known and any(_whole(each) == self.whole for each in _choices(matching))
        return Found(known, there, content.count - there, same)


def _choices(matching: list[tuple[tuple[bytes, ...], int]]) -> Iterator[list[bytes]]:
    """The lists of hashes that may be those of the known images, where others begin alike."""
    each = [list(dict.fromkeys(itertools.combinations(having, number))) for having, number in matching]
    if math.prod(map(len, each)) > _MOST_CHOICES:
        return
    for chosen in itertools.product(*each):
        yield list(itertools.chain(*chosen))


def _whole(hashes: Iterable[bytes]) -> bytes:
    return hashlib.sha256(b"".join(hashes)).digest()


# What was there when it was fetched


@dataclass(frozen=True)
class Seen:
    """What an archive was when it was fetched.

    Attributes:
        sha256: of the file.
        content: hash of its content.
        images: how many there were.
        day: when it was.
        told: which of the known images were in it.
    """

    sha256: str
    content: str
    images: int
    day: str
    told: str


def seen_file(path: Path) -> Path:
    """Where `note_seen` writes."""
    return path.with_name(f"{path.name}.seen.json")


def seen(path: Path) -> Seen | None:
    """What was noted of the archive at a path; None if nothing was, or if the note is damaged."""
    try:
        return from_plain(parse_json(seen_file(path).read_bytes()), Seen)
    except (OSError, KuzushijiError):
        return None


def note_seen(path: Path, sha256: str, content: Content, told: str) -> None:
    """Notes beside an archive what it is, so that a later change shows; see `Seen`.

    Raises:
        KuzushijiError: it can't be written.
    """
    noted = Seen(sha256, content.digest, content.count, time.strftime("%Y-%m-%d", time.gmtime()), told)
    write_json(seen_file(path), noted, indent=1)
