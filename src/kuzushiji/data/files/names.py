"""Names of files and folders, whatever system, program and language gave them."""

import os
import re
from collections import Counter
from collections.abc import Iterable

from kuzushiji.characters import composed
from kuzushiji.data.files.text import japanese

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".jp2", ".j2k", ".bmp", ".gif", ".avif"
)  # fmt: skip
"""Of files that are images."""

SPLIT_FOLDERS = {
    "train": ("train", "training", "trn", "訓練", "学習"),
    "validation": ("validation", "valid", "val", "dev", "検証"),
    "test": ("test", "testing", "tst", "eval", "evaluation", "テスト", "評価"),
}
"""What folders that divide a dataset are called, in any case."""

_SPLIT = {name: split for split, names in SPLIT_FOLDERS.items() for name in names}

_LITTER = {
    "__macosx", "icon\r", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini", "$recycle.bin",
    "recycler", "system volume information", "lost+found", "#recycle", "#snapshot", "@recycle", "zbthumbnail.info",
}  # fmt: skip
_STREAMS = (":zone.identifier", ":encryptable", ":$data")
"""What Windows keeps beside a file, which is a file of its own on other systems."""


def is_litter(name: str) -> bool:
    """Whether a file manager, a NAS or an office program left this behind.

    Example:
        >>> [is_litter(name) for name in ("@eaDir", "THUMBS.DB", "~$list.xlsx", "お", "@")]
        [True, True, True, False, False]
    """
    if name.startswith((".", "~$")) or (name.startswith("@") and len(name) > 1):
        return True
    return name.casefold() in _LITTER or name.casefold().endswith(_STREAMS)


def endings(names: Iterable[str]) -> str:
    """How files end, the most frequent first, such as `.txt, .md`."""
    found = Counter(os.path.splitext(name)[1].lower() or "without an ending" for name in names)
    return ", ".join(ending for ending, _ in found.most_common(5)) + (", ..." if len(found) > 5 else "")


def meant(name: str) -> str:
    """A name in one normal form; what the system could not read as UTF-8 is Shift JIS or EUC-JP, if it can be.

    A name that is neither keeps its lone surrogates.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        name = japanese(os.fsencode(name)) or name
    return composed(name)


def split_of(folder: str) -> str | None:
    """The split that a folder of this name holds, None if it is the name of none.

    Example:
        >>> split_of("Training"), split_of("お")
        ('train', None)
    """
    return _SPLIT.get(meant(folder).strip().casefold())


def stem_of(name: str) -> str:
    """The name of an image in one normal form, without its folders and suffix, as a table may have these or not.

    Example:
        >>> stem_of("images\\\\100241706_00004_2.JPG"), stem_of("100241706_00004_2"), stem_of("p.1")
        ('100241706_00004_2', '100241706_00004_2', 'p.1')
    """
    last = re.split(r"[/\\]", meant(name).strip())[-1]
    ending = next((suffix for suffix in SUFFIXES if last.lower().endswith(suffix)), "")
    return last[: len(last) - len(ending)].strip() or last


_COPY = re.compile(
    r"(?P<stem>.+?)(?: ?[(（](?P<number>\d{1,3})[)）]| - (?:Copy|コピー)(?: \((?P<copy>\d+)\))?)"
    r"(?P<suffix>(\.\w{1,5})*)"
)


def numbered(name: str) -> tuple[str, int]:
    """A name without the number by which a browser or a file manager tells a second copy, and that number.

    Example:
        >>> numbered("kmnist-train-imgs (1).npz"), numbered("kmnist-train-imgs.npz")
        (('kmnist-train-imgs.npz', 1), ('kmnist-train-imgs.npz', 0))
    """
    found = _COPY.fullmatch(name)
    if not found:
        return name, 0
    return found["stem"] + found["suffix"], int(found["number"] or found["copy"] or 1)
