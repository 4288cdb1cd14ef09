"""Pages as kraken and eScriptorium take them: PAGE XML beside the image that it names, in a folder for each split.

Read are files of pages in any format that kuzushiji knows, the images beside them or in folders there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kuzushiji.data.exchange.scans import Images, Odd, Scan, Told, content_of, files_below, fitted, image_file, split_in
from kuzushiji.document import formats
from kuzushiji.document.order import arrange
from kuzushiji.document.page import Page
from kuzushiji.errors import DataError

_SUFFIXES = tuple({each.suffix for each in formats.FORMATS.values() if each.read})
_LOOK = 4000


def knows(source: Path) -> bool:
    """Whether a folder holds files of pages."""
    return source.is_dir() and any(map(_is_page, files_below(source, _SUFFIXES)))


def _is_page(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            beginning = file.read(_LOOK)
    except OSError:
        return False
    return any(each.read and each.knows(beginning) for each in formats.FORMATS.values())


def read(source: Path, odd: Odd) -> list[Scan]:
    """The pages of a folder; where a page is there in several formats, that of JSON before the others.

    Raises:
        DataError: a file is damaged, or no image is there.
    """
    images, scans = Images(source), []
    seen: dict[Path, Path] = {}
    paths = sorted(filter(_is_page, files_below(source, _SUFFIXES)), key=lambda path: path.suffix != ".json")
    for path in paths:
        page = Page.load(path)
        image = images.of(page.image.name, path) or images.of(path.name.split(".")[0], path)
        if image is None:
            odd.add("pages without an image, left out", f"{page.image.name} of {path}")
        elif seen.setdefault(image, path) == path:
            page = replace(page, image=replace(page.image, name=image.name))
            scans.append(Scan(page, content_of(image), split_in(path.relative_to(source).parts[:-1])))
    if not scans:
        raise DataError(f"{source} has no page whose image is there; expected the images beside the files of pages")
    return scans


def write(folder: Path, splits: Mapping[str, Sequence[Scan]], odd: Odd, told: Told) -> None:
    """Writes a folder for each split; pages without lines are put into columns first."""
    for split, scans in splits.items():
        (folder / split).mkdir()
        for scan in scans:
            file = image_file(scan)
            name = f"{scan.name}{file.suffix}"
            (folder / split / name).write_bytes(file.content)
            page = fitted(scan.page, file.size, odd)
            page = page if page.lines else arrange(page)
            replace(page, image=replace(page.image, name=name)).save(folder / split / f"{scan.name}.xml", "pagexml")
            told(1)
