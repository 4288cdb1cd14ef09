"""The networks that ship with the package: files in `weights/`, each called by its name."""

import os
from pathlib import Path

from kuzushiji.errors import DataError, UsageError, unknown_name
from kuzushiji.files import expanded
from kuzushiji.repository import Repository, repository
from kuzushiji.shipped import DETECTOR, WEIGHTS

PREFERRED = ("page", "kanji", "kana", "kmnist")
"""Which of them reads where none is named: the first that is there."""

ALL = ("page", "kanji", "kana", "kmnist")
"""Those that `kuzushiji.recognize` asks together where none is named: one that knows all kinds, then those that know
one kind better (`combined`)."""

CAUTION = {"kmnist": (0.99, 2.0), "kana": (0.99, 2.0), "kanji": (0.99, 2.0), "page": (0.99, float("-inf"))}
"""Of networks that ship, the probability and the logit below which the best candidate is no answer: no less than
`python benchmarks/caution.py` finds, so that of nearly all that scans make of images at most 1 % are sure and wrong
(docs/disguises.md)."""

NOTHING_SHIPS = "no network ships with this package; name a file that `kuzushiji export RUN` wrote"


def pretrained() -> dict[str, Path]:
    """The files of the networks for characters that ship, by name; first the one that reads where none is named."""
    files = {path.stem: path for path in sorted(WEIGHTS.glob("*.onnx")) if path != DETECTOR}
    names = sorted(files, key=lambda name: PREFERRED.index(name) if name in PREFERRED else len(PREFERRED))
    return {name: files[name] for name in names}


def complementary() -> list[str]:
    """Names of the networks that together know most of what those that ship know.

    `page`, which knows all kinds of characters; or, where that does not ship, one of kana and one of kanji.

    Raises:
        UsageError: none ships.
    """
    files = pretrained()
    if not files:
        raise UsageError(NOTHING_SHIPS)
    if "page" in files:
        return ["page"]
    kana = next((name for name in ("kana", "kmnist") if name in files), "")
    return [name for name in (kana, "kanji") if name in files]


def find_network(model: str | Path | None) -> Path:
    """The file of a network.

    Args:
        model: name of one that ships, path of an exported file, or `hf:OWNER/NAME@REVISION`; None for the first that
            ships.

    Raises:
        UsageError: there is no such name.
        DataError: there is no such file, or it can't be fetched.
    """
    files = pretrained()
    if model is None:
        if not files:
            raise UsageError(NOTHING_SHIPS)
        return next(iter(files.values()))
    if str(model) in files:
        return files[str(model)]
    if found := repository(model):
        return exported_in(found, "model.onnx")
    path = expanded(model)
    if os.path.isfile(path):  # which is said of no name that is too long
        return path
    if path.suffix == ".onnx" or path.parent != Path("."):
        raise DataError(f"{model} does not exist; `kuzushiji export RUN --output {model}` writes such a file")
    raise unknown_name("pretrained network", str(model), files)


def find_detector(detector: str | Path | None) -> Path:
    """The file of a detector.

    Args:
        detector: path of an exported file, or `hf:OWNER/NAME@REVISION`; None for the one that ships.

    Raises:
        UsageError: none is named and none ships.
        DataError: there is no such file, or it can't be fetched.
    """
    if detector is None:
        if not DETECTOR.exists():
            raise UsageError(
                "no detector ships with this package; name a file that `kuzushiji export` wrote of a run of "
                "`kuzushiji train detector`"
            )
        return DETECTOR
    if found := repository(detector):
        return exported_in(found, "detector.onnx")
    path = expanded(detector)
    if not path.exists():
        raise DataError(f"{detector} does not exist; expected a detector, a file that `kuzushiji export` wrote")
    return path


def exported_in(found: Repository, name: str) -> Path:
    """The exported file in a repository, fetched if it is not here."""
    return found.file(name, "a network that `kuzushiji hub push` put there")
