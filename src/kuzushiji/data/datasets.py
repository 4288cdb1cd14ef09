"""`load`: any dataset by its name or its path, as `CharacterImages`."""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kuzushiji.characters import K49, KMNIST, kana_of
from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.data.files.arrays import read_class_map, read_labels, read_pair
from kuzushiji.data.files.cache import CachedImages, cached_images
from kuzushiji.data.files.decode import Progress
from kuzushiji.data.files.listing import split_folders
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.pages.characters import SIDE, PageSource, cached_characters, find_pages, page_splits
from kuzushiji.data.splits import HASH_SPLITS, subsample
from kuzushiji.errors import DataError, UsageError, unknown_name
from kuzushiji.files import file_hash
from kuzushiji.imaging.cut import to_square

KMNIST6K_COUNT = 6_284
"""How many of the first training images of kmnist make up kmnist6k."""


def load(
    name: str | Path,
    split: str = "train",
    *,
    limit: int | None = None,
    image_size: int | None = None,
    progress: Progress | None = None,
) -> CharacterImages:
    """Loads one split of a dataset.

    Args:
        name: a name of the catalogue, such as `kmnist`; `brush:NAME` for the embedded brush set in the shape of NAME,
            `brush:NAME:6000` for so many training images of its commonest class;
            or a path: a folder with a folder for each class, named by its character or code point (`お`, `U+304A`),
            perhaps within `train`, `validation` and `test`; a tar of such folders; or a folder with npz or IDX files
            named as those of Kuzushiji-MNIST; or a folder or zip of pages with a box around each character, in the
            layout of Kaggle or of CODH (`pages.py`), of which the characters are cut out.  Of these no page is in two
            splits; with `:book` behind the name, such as `recognition:book`, no book is.  A name of the catalogue goes
            before a folder of the same name: write `./kmnist` for the folder.  `kkanji:k49` and `kkanji:kmnist` have,
            of kkanji, the parent kanji of these sets' kana, each as its kana: their cursive forms are how the kana was
            written too.  Several with a plus between them, such as `brush:k49+kmnist6k`, are put together, with the
            classes of all; a folder with nothing but `train/` adds to the training images of the others.
        split: one of `splits(name)`.
        limit: take so many images at most, each class in its proportion.
        image_size: bring the images to so many pixels a side; kept as they are if None, which for characters of pages
            is 80.
        progress: called with the numbers of images done and of all, while image files are decoded the first time.

    Returns:
        The images, ink bright on black; those of image files and pages are mapped into memory, not read.

    Raises:
        UsageError: there is no such dataset or split, or a number is out of range.
        DataError: files are missing or damaged; the message names them and says what to do.

    Example:
        >>> load("kmnist", "test").images.shape                         # doctest: +SKIP
        (10000, 28, 28)
    """
    if image_size is not None and not 1 <= image_size <= 4096:
        raise UsageError(f"an image size of {image_size} pixels; expected 1 to 4096")
    if limit is not None and limit < 1:
        raise UsageError(f"a limit of {limit} images; expected at least 1")
    if together := parts(name):
        data = _together(together, split, image_size, progress)
        return data if limit is None else subsample(data, limit)
    pages = find_pages(name)
    if split not in (known := splits(name)):
        few = ", as three pages or books at least are needed to set some apart" if pages and known == ("all",) else ""
        raise UsageError(f"{name} has no split {split!r}; it has {', '.join(known)}{few}")

    if str(name).startswith("brush:"):
        from kuzushiji.data.synthetic import brush

        shape, _, amount = str(name).removeprefix("brush:").partition(":")
        data = brush.make(shape, split, samples_per_class=_brush_amount(str(name), amount, split))
        data = replace(data, name=str(name))
    elif name in AS_KANA:
        data = _as_kana(_load_catalogued("kkanji", split, image_size, progress), str(name))
    elif pages is not None:
        data = _load_pages(pages, split, image_size, progress)
    elif name in catalog.DATASETS:
        data = _load_catalogued(str(name), split, image_size, progress)
    else:
        data = _load_path(Path(name), split, image_size, progress)
    if limit is not None:
        data = subsample(data, limit)
    if image_size is not None and data.image_size != (image_size, image_size):
        data = replace(data, images=np.stack([to_square(image, image_size) for image in data.images]))
    return data


def parts(name: str | Path) -> tuple[str, ...]:
    """The names that are put together in one; none if it is a single one."""
    found = tuple(str(name).split("+"))
    if len(found) == 1 or Path(name).expanduser().exists():
        return ()
    if not all(found):
        raise UsageError(f"{name} has a plus with nothing beside it; expected names such as brush:k49+kmnist6k")
    return found


def is_name(data: str | Path) -> bool:
    """Whether data is called by a name, such as `kmnist`, `brush:kmnist` or `recognition:book`, and not by a path."""
    return all(part.partition(":")[0] in (*catalog.DATASETS, "brush") for part in parts(data) or (str(data),))


def found_again(data: str | Path) -> str:
    """The same data by what finds it from any folder: its name, or the whole of its path."""

    def found(part: str | Path) -> str:
        path = Path(part).expanduser()
        return str(part) if is_name(part) or not path.exists() else str(path.resolve())

    return "+".join(map(found, parts(data) or (data,)))


def splits(name: str | Path) -> tuple[str, ...]:
    """The splits that `load` gives of a dataset; see there for the names.

    Raises:
        UsageError: there is no such dataset.
        DataError: what lies at a path is no dataset, or its pages are missing.
    """
    if together := parts(name):
        each = [splits(part) for part in together]
        divided = [has for has in each if has != TRAIN_ALONE] or each
        return tuple(split for split in HASH_SPLITS if all(split in has for has in divided)) or ("all",)
    if _is_brush(name):
        return "train", "test"
    if name in AS_KANA:
        return HASH_SPLITS
    if pages := find_pages(name):
        return page_splits(pages)
    if name in catalog.DATASETS:
        return HASH_SPLITS if name == "kkanji" else ("train", "test")
    path = _existing(name)
    if path.is_dir():
        found = set(_find_arrays(path)) or set(split_folders(path).values())
        return tuple(split for split in HASH_SPLITS if split in found) or HASH_SPLITS
    if path.name.endswith((".npz", "-ubyte", "-ubyte.gz")):
        raise DataError(f"{path} is one of a pair of files; name the folder that holds both images and labels")
    return HASH_SPLITS


# Which source a name stands for


TRAIN_ALONE = ("train",)
"""The splits of what is there to train on and for nothing else."""


def _together(names: tuple[str, ...], split: str, image_size: int | None, progress: Progress | None) -> CharacterImages:
    """The images of several datasets, each labelled by its character; the classes of the first come first.

    Validation images of one are training images where others have none; one that has training images alone adds to
    these, and its classes to all splits.
    """
    known = splits("+".join(names))
    if split not in known:
        raise UsageError(f"{'+'.join(names)} has no split {split!r}; it has {', '.join(known)}")
    loaded = []
    for name in names:
        own = splits(name)
        if split != "all" and split not in own:
            trained = load(name, "train", image_size=image_size, progress=progress)
            loaded.append(trained.select(slice(0), split))
            continue
        taken = [split] if split != "all" else list(own)
        if split == "train" and "validation" not in known and "validation" in own:
            taken.append("validation")
        loaded += [load(name, each, image_size=image_size, progress=progress) for each in taken]
    sizes = {data.image_size for data in loaded}
    if len(sizes) > 1:
        found = " and ".join(sorted(f"{height} x {width}" for height, width in sizes))
        raise UsageError(
            f"{'+'.join(names)} have images of {found} pixels; say to how many a side they are brought, such as "
            "--image-size 28"
        )
    classes = tuple(dict.fromkeys(character for data in loaded for character in data.classes))
    number = {character: place for place, character in enumerate(classes)}
    labels = [np.array([number[each] for each in data.classes], np.int64)[data.labels] for data in loaded]
    return CharacterImages(
        images=np.concatenate([data.images for data in loaded]),
        labels=np.concatenate(labels),
        classes=classes,
        name="+".join(dict.fromkeys(data.name for data in loaded)),
        split=split,
        source={file: digest for data in loaded for file, digest in data.source.items()},
    )


AS_KANA = {"kkanji:k49": K49, "kkanji:kmnist": KMNIST}
"""Kuzushiji-Kanji's parent kanji of some kana, each as its kana."""


def _as_kana(data: CharacterImages, name: str) -> CharacterImages:
    """The images whose characters are parents of these kana, under the kana."""
    kana = [kana_of(character) for character in data.classes]
    classes = tuple(each for each in AS_KANA[name] if each in kana)
    label = np.array([classes.index(each) if each in classes else -1 for each in kana], np.int64)[data.labels]
    kept = np.flatnonzero(label >= 0)
    return replace(data, images=data.images[kept], labels=label[kept], ids=data.ids[kept], classes=classes, name=name)


def _brush_amount(name: str, amount: str, split: str) -> int | None:
    """Images of the commonest class that `brush:NAME:AMOUNT` asks for; the test split has a sixth as many."""
    if not amount:
        return None
    if not (amount.isascii() and amount.isdigit() and int(amount)):
        raise UsageError(f"{name} asks for {amount!r} images of a class; expected a number, such as brush:kmnist:6000")
    return int(amount) if split == "train" else -(-int(amount) // 6)


def _is_brush(name: str | Path) -> bool:
    return isinstance(name, str) and name.startswith("brush:")


def _existing(name: str | Path) -> Path:
    path = Path(name).expanduser()
    if path.exists():
        if not os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK):
            raise DataError(f"{path} cannot be read: permission denied")
        return path
    if isinstance(name, Path) or path.name != name or path.suffix:
        raise DataError(
            f"{path} does not exist; expected a folder of class folders, a tar of them, "
            "a folder with npz or IDX files, or a folder or zip of pages"
        )
    from kuzushiji.data.synthetic import brush

    unknown = unknown_name("dataset", name, [*catalog.DATASETS, *(f"brush:{drawn}" for drawn in brush.SHAPES)])
    raise UsageError(f"{unknown}; nor is there a folder of this name")


def _load_catalogued(name: str, split: str, image_size: int | None, progress: Progress | None) -> CharacterImages:
    folder = catalog.folder(name)
    if name == "kkanji":
        found = next((path for path in (folder / "kkanji.tar", folder / "kkanji2") if path.exists()), None)
        if found is None:
            raise _missing(name, "kkanji.tar")
        native = (image_size, image_size) == catalog.dataset(name).image_size
        data = _load_image_files(found, split, None if native else image_size, progress)
    else:
        arrays = _find_arrays(folder) if folder.is_dir() else {}
        if split in arrays and arrays[split].is_whole:
            data = _load_arrays(folder, arrays, split, tuple(catalog.dataset(name).characters))
        elif name == "kmnist6k":
            data = _load_catalogued("kmnist", split, image_size, progress)
            if split == "train":
                data = data.select(slice(KMNIST6K_COUNT))
        else:
            raise _missing(name, f"images or labels for {split} ({name}-{split}-imgs.npz, {name}-{split}-labels.npz)")
    return replace(data, name=name)


def _missing(name: str, file: str) -> DataError:
    return DataError(
        f"{catalog.folder(name)} lacks {file}. `kuzushiji data get {name}` fetches what is missing; "
        f"`kuzushiji data get {name} --from FOLDER` takes the files from a folder of yours"
    )


def _load_path(path: Path, split: str, image_size: int | None, progress: Progress | None) -> CharacterImages:
    arrays = _find_arrays(path) if path.is_dir() else {}
    data = _load_arrays(path, arrays, split) if arrays else _load_image_files(path, split, image_size, progress)
    return replace(data, name=path.resolve().name if path.is_dir() else path.stem)


# Array files


@dataclass(frozen=True)
class _Pair:
    """The files of one split; one of the two may be missing."""

    images: Path | None
    labels: Path | None

    @property
    def is_whole(self) -> bool:
        return self.images is not None and self.labels is not None


_NPZ = re.compile(r"(?P<prefix>.+)-(?P<split>train|validation|test)-(?P<kind>imgs|labels)\.npz")
_IDX = re.compile(r"(?P<split>train|validation|t10k)-(?P<kind>images|labels)[-.]idx[13]-ubyte(\.gz)?")


def _find_arrays(folder: Path) -> dict[str, _Pair]:
    """The array files in a folder by split; npz goes before IDX where both are whole.

    Raises:
        DataError: the folder holds the npz files of more than one dataset.
    """
    found: dict[tuple[str, str, str], Path] = {}
    names = sorted(path.name for path in folder.iterdir())
    prefixes = {match["prefix"] for name in names if (match := _NPZ.fullmatch(name))}
    if len(prefixes) > 1:
        raise DataError(f"{folder} holds the files of {' and '.join(sorted(prefixes))}; give each a folder of its own")
    for name in names:
        if match := _NPZ.fullmatch(name):
            found["npz", match["split"], "images" if match["kind"] == "imgs" else "labels"] = folder / name
        elif match := _IDX.fullmatch(name):
            split = "test" if match["split"] == "t10k" else match["split"]
            found["idx", split, match["kind"]] = folder / name
    pairs: dict[str, _Pair] = {}
    for split in HASH_SPLITS:
        forms = [
            _Pair(found.get((form, split, "images")), found.get((form, split, "labels"))) for form in ("npz", "idx")
        ]
        best = next((pair for pair in forms if pair.is_whole), None)
        best = best or next((pair for pair in forms if pair.images or pair.labels), None)
        if best:
            pairs[split] = best
    return pairs


def _load_arrays(
    folder: Path, arrays: dict[str, _Pair], split: str, known_classes: tuple[str, ...] | None = None
) -> CharacterImages:
    pair = arrays[split]
    if pair.images is None or pair.labels is None:
        there, lacking = (pair.images, "labels") if pair.images else (pair.labels, "images")
        raise DataError(f"{there} is there, but not the {lacking} that go with it; expected both in {folder}")
    images, labels = read_pair(pair.images, pair.labels)
    read = [pair.images, pair.labels]
    class_map = _find_class_map(folder)
    if class_map is not None:
        classes = read_class_map(class_map)
        read.append(class_map)
    elif known_classes is not None:
        classes = known_classes
    else:
        # Nobody says what the numbers mean, so that they are their own names; all splits must agree on how many.
        every = [read_labels(other.labels) for other in arrays.values() if other.labels]
        classes = tuple(str(number) for number in range(1 + max(int(found.max(initial=-1)) for found in every)))
    if labels.max(initial=-1) >= len(classes):
        raise DataError(
            f"{pair.labels} has the label {labels.max()}, but {class_map or 'the dataset'} has {len(classes)} classes, "
            f"0 to {len(classes) - 1}; they do not belong together"
        )
    source = {path.name: file_hash(path) for path in read}
    return CharacterImages(images=images, labels=labels, classes=classes, split=split, source=source)


def _find_class_map(folder: Path) -> Path | None:
    found = sorted(folder.glob("*classmap.csv"))
    if len(found) > 1:
        raise DataError(f"{folder} holds {' and '.join(path.name for path in found)}; keep the one that is meant")
    return found[0] if found else None


# Image files


def _load_pages(pages: PageSource, split: str, image_size: int | None, progress: Progress | None) -> CharacterImages:
    return replace(
        _split_of(cached_characters(pages, side=image_size or SIDE, progress=progress), split, pages.path),
        name=pages.name,
    )


def _load_image_files(path: Path, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
    return _split_of(cached_images(path, side=side, progress=progress), split, path)


def _split_of(cached: CachedImages, split: str, path: Path) -> CharacterImages:
    if split not in cached.bounds:
        raise DataError(f"{path} holds no images for {split}; it has some for {', '.join(cached.bounds)}")
    start, stop = cached.bounds[split]
    return CharacterImages(
        images=cached.images[start:stop],
        labels=cached.labels[start:stop],
        classes=cached.classes,
        split=split,
        source=cached.source,
        ids=cached.ids[start:stop],
    )
