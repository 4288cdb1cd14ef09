"""Any data, written anew as array files or as class folders, for whatever reads these."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kuzushiji.data.derived import Together
from kuzushiji.data.files.array_folder import write_arrays
from kuzushiji.data.files.image_files import write_class_folders
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.source import Source, parse
from kuzushiji.errors import DataError, UsageError, unknown_name
from kuzushiji.files import folder_written_whole

FORMATS = ("npz", "idx", "folder")
"""npz files and a class map, named as those of Kuzushiji-MNIST; gzipped IDX files named as those of MNIST; PNG files in
a folder for each class, such as U+304A, within train, validation and test."""

Tell = Callable[[str, int, int], None]
"""Called with what is being done, and how many images of how many are."""


@dataclass(frozen=True)
class Converted:
    """What `convert` wrote.

    Attributes:
        name: of the data.
        folder: where it lies now.
        format: one of `FORMATS`.
        splits: split -> number of images.
        classes: the characters, in the order of the labels.
        image_size: height and width in pixels.
        left_out: classes without an image, which a folder does not have.
    """

    name: str
    folder: Path
    format: str
    splits: dict[str, int]
    classes: tuple[str, ...]
    image_size: tuple[int, int]
    left_out: tuple[str, ...] = ()


def convert(
    data: str | Path | Source,
    folder: str | Path,
    format: str = "npz",
    *,
    image_size: int | None = None,
    tell: Tell = lambda what, done, every: None,
) -> Converted:
    """Writes all splits of any data into a new folder, whole or not at all.

    What is loaded from the folder has the same pixels, labels, classes and splits.  Class folders know of no order:
    from them come the classes by their code points, and the images class by class.  What is not divided is written
    as training images.

    Args:
        data: anything that `kuzushiji.load` takes.
        folder: where it goes; it must not exist.
        format: one of `FORMATS`.
        image_size: as in `load`; needed where the images have several sizes.
        tell: is told how it goes.

    Raises:
        UsageError: there is no such data or format, or something lies at the folder.
        DataError: the data is missing or damaged, or has no image.
        KuzushijiError: the folder could not be written.

    Example:
        >>> convert("kmnist6k", "characters", "folder").splits          # doctest: +SKIP
        {'train': 6284, 'test': 10000}
    """
    source, folder = parse(data), Path(folder)
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    _check_place(source, folder)
    counts: dict[str, int] = {}
    shown: set[int] = set()
    with folder_written_whole(folder) as beside:
        for split in source.splits:
            images = source.load(split, image_size=image_size, progress=partial(tell, "reading"))
            images = images.select(slice(None), "train") if split == "all" else images
            if len(images):
                _write(beside, folder.resolve().name, format, images, tell)
                counts[images.split] = len(images)
                shown.update(images.labels.tolist())
        if not counts:
            raise DataError(f"{source} has no image; nothing was written")
    left_out = tuple(name for label, name in enumerate(images.classes) if label not in shown)
    return Converted(
        source.name,
        folder.resolve(),
        format,
        counts,
        images.classes,
        images.image_size,
        left_out if format == "folder" else (),
    )


def _check_place(source: Source, folder: Path) -> None:
    if os.path.lexists(folder):
        raise UsageError(f"{folder} is already there; name a new folder, or remove it")
    for part in source.origin.sources if isinstance(source.origin, Together) else (source,):
        path = getattr(part.origin, "path", None)
        if path is not None and folder.resolve().is_relative_to(path.resolve()):
            raise UsageError(f"{folder} lies in {path}, and would become a part of that; name a folder elsewhere")


def _write(folder: Path, name: str, format: str, images: CharacterImages, tell: Tell) -> None:
    done = 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        tell(f"writing {images.split}", done, len(images))

    if format == "folder":
        write_class_folders(folder / images.split, images, told)
    else:
        write_arrays(folder, images, prefix=name, form=format, told=told)
