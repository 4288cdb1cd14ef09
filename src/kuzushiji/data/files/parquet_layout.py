"""Which parquet files of a data set are of which split, as its card says it or as its files are called.

The card is the metadata at the head of README.md, as the Hugging Face hub has it: `configs` names the files of each
part of a data set and of each split of a part; `dataset_info` names the classes.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from kuzushiji.data.files.names import split_of
from kuzushiji.data.splits import HASH_SPLITS
from kuzushiji.errors import DataError, UsageError, unknown_name

_LARGEST_CARD = 2**20
"""Bytes."""


@dataclass(frozen=True)
class Card:
    """What the card of a data set says of its files.

    Attributes:
        parts: part -> split -> patterns of paths; empty where it says nothing.
        classes: part -> column -> names of its classes.
    """

    parts: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    classes: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def part(self, name: str, of: str) -> str:
        """The part that is meant: the only one, or that of this name.

        Raises:
            UsageError: there are several and none is named, or there is none of this name; `of` is the data set.
        """
        if name and self.parts and name not in self.parts:
            raise unknown_name(f"part of {of}", name, self.parts)
        if name or not self.parts:
            return name
        if len(self.parts) > 1 and "default" not in self.parts:
            raise UsageError(f"{of} has {_listed(self.parts)}; say which, such as {of}:{next(iter(self.parts))}")
        return "default" if "default" in self.parts else next(iter(self.parts))

    def patterns(self, part: str) -> tuple[str, ...]:
        """What the paths of all files of a part match."""
        if part in self.parts:
            return tuple(pattern for split in HASH_SPLITS for pattern in self.parts[part].get(split, ()))
        return (f"{part}/*.parquet",) if part else ("*.parquet",)


def read_card(path: Path) -> Card:
    """Reads the head of a README.md; a file that is not there, or without one, says nothing.

    Raises:
        DataError: the head is no YAML, or says something that makes no sense.
    """
    import yaml

    try:
        text = path.read_bytes()[:_LARGEST_CARD].decode("utf-8", errors="replace")
    except OSError:
        return Card()
    head = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    try:
        said = yaml.safe_load(head[1]) if head else {}
        configs = {
            str(each["config_name"]): _files_in(each["data_files"])
            for each in _list(said.get("configs"))
            if "data_files" in each
        }
        infos = _list(said.get("dataset_info"))
        classes = {str(each.get("config_name", "default")): _classes_in(each.get("features")) for each in infos}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{path} has a head that can't be read ({' '.join(str(error).split())[:150]})") from None
    return Card(configs, classes)


def files_by_split(folder: Path, card: Card, part: str) -> dict[str, list[Path]]:
    """The parquet files of a part, of each of our splits; another split that the card names is left out.

    Raises:
        UsageError: they are those of several parts, and none is named.
        DataError: there are none.
    """
    there = sorted(path for path in folder.rglob("*.parquet") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in there}
    if part in card.parts:
        found = {
            split: [names[name] for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]
            for split, patterns in card.parts[part].items()
        }
    else:
        found = _by_name(folder, names, part)
    divided = {split: found[split] for split in HASH_SPLITS if found.get(split)}
    if not divided:
        raise DataError(
            f"{folder} has no parquet files"
            + (f" of {part}" if part else "")
            + "; expected images and labels in files "
            "such as train.parquet or data/train-00000-of-00001.parquet"
        )
    return divided


def _by_name(folder: Path, names: Mapping[str, Path], part: str) -> dict[str, list[Path]]:
    inner = {
        name.removeprefix(f"{part}/"): path for name, path in names.items() if name.startswith(f"{part}/" * bool(part))
    }
    tops = {name.split("/")[0] for name in inner if name.count("/") > 1}
    if not part and len(tops) > 1 and not any(map(split_of, tops)):
        raise UsageError(
            f"{folder} has {_listed(sorted(tops))}; say which, with : and its name behind that of the data"
        )
    found: dict[str, list[Path]] = {}
    for name, path in inner.items():
        found.setdefault(_split_named(name), []).append(path)
    return found


def _split_named(name: str) -> str:
    """The split in the path of a file, `train` if there is none: `data/test-00000-of-00001.parquet` is for test."""
    *folders, file = name.removesuffix(".parquet").split("/")
    words = [word for each in (file, *reversed(folders)) for word in (each, *re.split(r"[\W_\d]+", each))]
    return next(filter(None, map(split_of, words)), "train")


def _files_in(said: Any) -> dict[str, tuple[str, ...]]:
    """Split -> patterns, of `data_files`: a pattern, several, or a list or mapping of splits."""
    if isinstance(said, str):
        return {"train": (said,)}
    if isinstance(said, Mapping):
        pairs: Iterable[tuple[Any, Any]] = said.items()
    elif all(isinstance(each, str) for each in said):
        pairs = [("train", said)]
    else:
        pairs = [(each["split"], each["path"]) for each in said]
    found: dict[str, tuple[str, ...]] = {}
    for split, paths in pairs:
        name = split_of(str(split)) or str(split)
        patterns = [paths] if isinstance(paths, str) else map(str, paths)
        found[name] = (*found.get(name, ()), *(pattern.replace("**/", "*") for pattern in patterns))
    return found


def _classes_in(features: Any) -> dict[str, tuple[str, ...]]:
    """Column -> names of classes, of `features`."""
    found = {}
    for feature in features or ():
        kind = feature.get("dtype")
        names = kind.get("class_label", {}).get("names") if isinstance(kind, Mapping) else None
        if names:
            in_order = names if isinstance(names, list) else [names[key] for key in sorted(names, key=int)]
            found[str(feature["name"])] = tuple(map(str, in_order))
    return found


def _list(said: Any) -> list[Any]:
    return said if isinstance(said, list) else [said] if said else []


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
