"""The files of NDL古典籍OCR-Lite: where they lie, how to get them.

The National Diet Library of Japan publishes them under CC BY 4.0.  They do not ship with this package; whoever has them
already, in whatever folder, need not fetch them again.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kuzushiji.errors import DataError, DownloadError
from kuzushiji.files import expanded
from kuzushiji.home import home

if TYPE_CHECKING:
    from kuzushiji.fetch import Progress

VARIABLE = "KUZUSHIJI_NDL"
"""The environment variable that may name their folder."""
LICENCE = "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/"
ATTRIBUTION = "NDL古典籍OCR-Lite, National Diet Library, Japan, https://github.com/ndl-lab/ndlkotenocr-lite"

_ADDRESS = "https://raw.githubusercontent.com/ndl-lab/ndlkotenocr-lite/ede4283845cdc0ba2bda8b7ebfc3dc80b33c92c8/"
_PLACES = (".", "model", "config", "src/model", "src/config")
"""Where in a folder they may lie: beside each other, or as in a copy of their repository."""


@dataclass(frozen=True)
class NdlFile:
    """A published file.

    Attributes:
        folder: where it lies in the repository.
        name: its name.
        blob: Git's id of its content, in hexadecimal.
    """

    folder: str
    name: str
    blob: str

    @property
    def url(self) -> str:
        """Where to fetch it."""
        return f"{_ADDRESS}{self.folder}/{self.name}"


LINES = NdlFile("src/model", "rtmdet-s-1280x1280.onnx", "2477d3a853a082fca29d13a9325facc683686d5b")
"""The network that finds lines."""
TEXT = NdlFile("src/model", "parseq-ndl-32x384-tiny-10.onnx", "b700ce1941d79cd97fd8fe015f3cd3fa454b36ed")
"""The network that reads a line."""
CHARSET = NdlFile("src/config", "NDLmoji.yaml", "9cc3e3f15b4d122e579b97a81ccca7670dd65942")
"""The characters that it knows."""


def ndl_folder() -> Path:
    """The folder where the files are looked for and fetched to, unless another is given."""
    configured = os.environ.get(VARIABLE)
    return expanded(configured) if configured else home() / "readers" / "ndlkotenocr-lite"


def find(folder: Path | None = None) -> tuple[Path, Path, Path]:
    """The files LINES, TEXT and CHARSET.

    Args:
        folder: where they are, also a copy of their repository; `ndl_folder()` if None.

    Raises:
        DataError: one is missing; the message says how to get it.
    """
    folder = expanded(folder) if folder else ndl_folder()
    lines, text, charset = (_place(folder, each) for each in (LINES, TEXT, CHARSET))
    if lines is None or text is None or charset is None:
        missing = [each for each in (LINES, TEXT, CHARSET) if _place(folder, each) is None]
        raise DataError(
            f"{folder} has no {' and no '.join(each.name for each in missing)}, which the reader ndl needs\n"
            f"{_by_hand(folder, missing)}"
        )
    return lines, text, charset


def fetch(
    folder: Path | None = None,
    *,
    progress: "Progress" = lambda name, done, total: None,
    say: Callable[[str], None] = lambda text: None,
) -> Path:
    """Fetches what is missing, some 83 MB in all, and checks that it is as published.

    Args:
        folder: where to; `ndl_folder()` if None.
        progress: is told how far each file is.
        say: is told in a line what happens.

    Returns:
        The folder.

    Raises:
        DownloadError: a file could not be had; the message says how to get it by hand.
        DataError: the folder can't be written.
    """
    from kuzushiji.fetch import Fetcher, NoAddressGaveIt

    folder = expanded(folder) if folder else ndl_folder()
    missing = [each for each in (LINES, TEXT, CHARSET) if _place(folder, each) is None]
    fetcher = Fetcher(progress, say)
    for number, file in enumerate(missing):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            fetcher.fetch([file.url], folder / file.name, check=partial(_check, file), most=2**27)
        except NoAddressGaveIt as error:
            by_hand = _by_hand(folder, missing[number:])
            raise DownloadError(f"{file.name} could not be fetched:\n  {error}\n{by_hand}") from None
        except OSError as error:
            raise DataError(f"{folder / file.name} can't be written: {error.strerror or error}") from None
    return folder


def _place(folder: Path, file: NdlFile) -> Path | None:
    places = (folder / place / file.name for place in _PLACES)
    return next((path for path in places if path.is_file()), None)


def is_published(file: NdlFile, path: Path) -> bool:
    """Whether a file has the content that was published."""
    return _blob(path) == file.blob


def _check(file: NdlFile, path: Path) -> str:
    from kuzushiji.fetch import AddressFailed

    if (blob := _blob(path)) != file.blob:
        raise AddressFailed(f"what came is not {file.name} as published: Git calls it {blob[:12]}")
    return ""


def _blob(path: Path) -> str:
    """What Git calls the content of a file."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with open(path, "rb") as content:
        while some := content.read(2**20):
            digest.update(some)
    return digest.hexdigest()


def _by_hand(folder: Path, missing: list[NdlFile]) -> str:
    addresses = "\n".join(f"    {each.url}" for each in missing)
    return (
        f"  `kuzushiji read --reader ndl --fetch` fetches them ({LICENCE}); by hand, put into {folder}:\n{addresses}\n"
        f"  If you have them elsewhere, name their folder by --ndl or {VARIABLE}."
    )
