"""A site of static files that reads pages in the browser alone: nothing is uploaded, and no server computes.

The site is plain ES modules (`alone/`), the networks that ship, and ONNX Runtime for browsers.  The latter, 14 MB of
which a browser is sent 4 when its host compresses, is no part of the package: whoever makes a site fetches it once into
the cache, from a public mirror of the npm registry, and its hashes are compared; or has the files already.
"""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from shutil import copyfile

import numpy as np

from kuzushiji.errors import DataError, DownloadError, UsageError
from kuzushiji.exported import open_detector, open_network
from kuzushiji.fetch import AddressFailed, Fetcher, NoAddressGaveIt, Progress
from kuzushiji.files import file_hash, folder_written_whole
from kuzushiji.home import cache_folder
from kuzushiji.imaging.read import read_gray
from kuzushiji.reading import language
from kuzushiji.reading.ngrams import Ngrams
from kuzushiji.reading.pretrained import find_network
from kuzushiji.shipped import DETECTOR

MODULES = Path(__file__).parent / "alone"
RUNTIME = "1.30.0"
"""The version of the npm package onnxruntime-web (MIT licence)."""
RUNTIME_FILES = {
    "ort.wasm.min.mjs": "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""What of it is needed, with the SHA-256 of each."""
MIRRORS = ("https://cdn.jsdelivr.net/npm", "https://unpkg.com")
TOP = 5
"""Each character has so many candidates."""


def write_site(folder: Path, runtime: Path, pages: Sequence[Path] = ()) -> None:
    """Writes the site, whole or not at all.

    Args:
        folder: a new folder.
        runtime: a folder with `RUNTIME_FILES`, as `fetch_runtime` gives it.
        pages: images that the site offers to be tried with.

    Raises:
        UsageError: there is something at `folder`, or two pages have one name.
        DataError: a file of the runtime is missing or another one, or a page is no image.
    """
    if folder.exists():
        raise UsageError(f"{folder} exists; name a new folder")
    if len({page.name for page in pages}) < len(pages):
        raise UsageError("two of the pages have the same name; rename one")
    for name, expected in RUNTIME_FILES.items():
        check_runtime(runtime / name, expected)
    for page in pages:
        try:
            read_gray(page)
        except DataError as error:
            raise DataError(f"{page} {error}") from None
    namer, model = find_network("page"), Ngrams.load(language.LANGUAGE)
    with folder_written_whole(folder) as new:
        cards = [path.with_suffix(".md") for path in (DETECTOR, namer, language.LANGUAGE)]
        for path in (*sorted(MODULES.iterdir()), DETECTOR, namer, *cards):
            copyfile(path, new / path.name)
        for part, paths in (("runtime", [runtime / name for name in RUNTIME_FILES]), ("pages", pages)):
            (new / part).mkdir()
            for path in paths:
                copyfile(path, new / part / path.name)
        (new / "language.bin").write_bytes(b"".join(_levels(model)))
        facts = _facts(namer, model) | {"pages": [page.name for page in pages]}
        (new / "site.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")


def fetch_runtime(progress: Progress = lambda name, done, total: None) -> Path:
    """The folder with ONNX Runtime for browsers, which is fetched where it is not there yet.

    Raises:
        DownloadError: no mirror gave a file; the message says how to get it by hand.
    """
    folder = cache_folder() / f"onnxruntime-web-{RUNTIME}"
    fetcher = Fetcher(progress)
    for name, expected in RUNTIME_FILES.items():
        target = folder / name
        if target.exists() and file_hash(target) == expected:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        urls = [address(mirror, name) for mirror in MIRRORS]
        try:
            fetcher.fetch(urls, target, check=partial(_right, expected), most=2**25)
        except NoAddressGaveIt as error:
            raise DownloadError(
                f"{name} could not be fetched:\n  {error}\n  `npm pack onnxruntime-web@{RUNTIME}` has it too: "
                "unpack it and name the folder package/dist with --runtime"
            ) from None
    return folder


def address(mirror: str, name: str) -> str:
    """Where a mirror has a file of the runtime."""
    return f"{mirror}/onnxruntime-web@{RUNTIME}/dist/{name}"


def check_runtime(path: Path, expected: str) -> None:
    """Whether a file of the runtime is that which the site was tried with.

    Raises:
        DataError: it is missing or another one.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist; expected {path.name} of onnxruntime-web {RUNTIME}")
    if file_hash(path) != expected:
        raise DataError(f"{path} is not that of onnxruntime-web {RUNTIME}; `npm pack onnxruntime-web@{RUNTIME}` has it")


def _right(expected: str, path: Path) -> str:
    if file_hash(path) != expected:
        raise AddressFailed("another file came")
    return ""


def _facts(namer: Path, model: Ngrams) -> dict[str, object]:
    """What the modules must know of the networks, which in Python stands in their files."""
    description, _ = open_network(namer)
    detector, _ = open_detector(DETECTOR)
    return {
        "foundAbove": detector.found_above,
        "imageSize": description.image_size,
        "classes": description.classes,
        "temperature": description.temperature,
        "top": TOP,
        "language": {
            "characters": len(model.characters),
            "sizes": [len(level.keys) for level in model.levels],
            "numbers": model.numbers(description.classes).tolist(),
            "weight": language.WEIGHT,
            "sure": language.SURE,
            "floor": language.FLOOR,
            "least": language.LEAST,
        },
    }


def _levels(model: Ngrams) -> Iterator[bytes]:
    """The arrays of each level, one after the other: followers and last as uint16, costs and backoffs as uint8."""
    before = 1
    for level in model.levels:
        node, last = np.divmod(level.keys, len(model.characters))
        yield np.bincount(node, minlength=before).astype("<u2").tobytes()
        yield last.astype("<u2").tobytes()
        yield level.costs.tobytes()
        yield level.backoffs.tobytes()
        before = len(level.keys)
