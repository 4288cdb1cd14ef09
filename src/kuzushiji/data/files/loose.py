"""Images that lie in a folder in no order: those that are read, and how many files are none."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kuzushiji.data.files.listing import unreadable
from kuzushiji.data.files.names import SUFFIXES, endings, is_litter
from kuzushiji.imaging.kinds import kind_of_file


@dataclass(frozen=True)
class LooseImages:
    """What lies in a folder and in those within it.

    Attributes:
        images: all that are images by their name or their first bytes, also of kinds that can't be read, sorted.
        others: files that are none.
        failures: what could not be looked into, in a sentence each.
    """

    images: tuple[Path, ...]
    others: tuple[Path, ...]
    failures: tuple[str, ...]


def loose_images(folder: str | Path, without: Path | None = None) -> LooseImages:
    """Walks a folder, links to folders too; what file managers leave behind counts as nothing.

    Args:
        without: a folder within it that is passed over, such as one that is written into.
    """
    failures: list[OSError] = []
    found = [path for path in _walk(Path(folder), failures, without) if not is_litter(path.name)]
    images = [path for path in found if is_image(path)]
    others = set(found) - set(images)
    said = tuple(str(unreadable(Path(folder), error)) for error in failures)
    return LooseImages(tuple(sorted(images)), tuple(sorted(others)), said)


def is_image(path: Path) -> bool:
    """Whether a file is an image, by its name or its first bytes."""
    return path.suffix.lower() in SUFFIXES or kind_of_file(path) is not None


def not_read(folder: str | Path, others: Iterable[str | Path]) -> str:
    """The line that says how many files in a folder are no images; empty if there are none."""
    names = [Path(other).name for other in others]
    if not names:
        return ""
    what = "1 file is" if len(names) == 1 else f"{len(names):,} files are"
    return f"{folder}: {what} no image and not read ({endings(names)})"


def _walk(root: Path, failures: list[OSError], without: Path | None) -> Iterator[Path]:
    """All files; a folder that links lead to twice, or in a circle, once."""
    seen = {os.path.realpath(without)} if without and without.resolve() != root.resolve() else set()
    for place, folders, names in os.walk(root, onerror=failures.append, followlinks=True):
        folders[:] = [name for name in sorted(folders) if not is_litter(name)]
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (path for path in (Path(place, name) for name in names) if os.path.isfile(path))
