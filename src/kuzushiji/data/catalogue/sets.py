"""What each dataset is, as a table: files, addresses, hashes, counts, licence, citation.

Sizes and MD5 sums are those of the published files.  Where a file has no published hash, `md5` is None and whatever
size the file has is accepted.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from kuzushiji import home
from kuzushiji.characters import K49, KMNIST
from kuzushiji.errors import unknown_name

CODH = "http://codh.rois.ac.jp/kmnist/dataset/"
ARCHIVE = "https://web.archive.org/web/2024id_/"
"""The Internet Archive's copies, byte for byte (`id_`); CODH's host has been unreachable for months at a time."""


@dataclass(frozen=True)
class DataFile:
    """One published file.

    Attributes:
        name: its name in the dataset's folder.
        size: bytes; only the published, rounded size where there is no MD5, None where not even that is known.
        md5: hexadecimal MD5 sum, None where none was published.
        urls: where to fetch it, tried in order; empty for what needs a login or is made from other files.
        header: the first line of a CSV file without an MD5.
        known: of an archive without an MD5 the file, beside this one, with hashes of images that are known to be in it.
        is_folder: whether it is a folder of images rather than one file.
    """

    name: str
    size: int | None = None
    md5: str | None = None
    urls: tuple[str, ...] = ()
    header: str = ""
    known: str = ""
    is_folder: bool = False


@dataclass(frozen=True)
class Dataset:
    """A dataset and all that is known of it before its files are opened.

    Attributes:
        name: what it is called on the command line; its files lie in the folder of this name.
        title: its published name.
        description: one or two sentences.
        formats: format -> its files, the default format first.
        classes: number of classes.
        image_size: height and width in pixels, None where they differ.
        counts: split -> number of images; `all` where there is no official split.
        balanced: whether every class has equally many images.
        manual_steps: how to get the files by hand, beside their addresses; a line each.
        homepage: address of its makers' page.
        class_map: name of the file that maps class indices to characters, empty where there is none.
        characters: the characters that the class map holds, in order.
        unit: what is counted, `images` or `pages`.
        subset_of: name of the dataset that it is cut out of, empty if of none.
        mean: mean pixel of the training images, as a share of 255, None if not known.
        deviation: standard deviation of their pixels, likewise.
        attribution: the words that the licence asks for.
        licence: name of the licence of the data.
        licence_url: its text.
        citation: BibTeX.
    """

    name: str
    title: str
    description: str
    formats: dict[str, tuple[DataFile, ...]]
    classes: int
    image_size: tuple[int, int] | None
    counts: dict[str, int]
    balanced: bool
    manual_steps: tuple[str, ...]
    homepage: str = "https://github.com/rois-codh/kmnist"
    class_map: str = ""
    characters: str = ""
    unit: str = "images"
    subset_of: str = ""
    mean: float | None = None
    deviation: float | None = None
    attribution: str = (
        '"KMNIST Dataset" (created by CODH), adapted from "Kuzushiji Dataset" (created by NIJL and others), '
        "doi:10.20676/00000341"
    )
    licence: str = "CC BY-SA 4.0"
    licence_url: str = "https://creativecommons.org/licenses/by-sa/4.0/"
    citation: str = """\
@article{clanuwat2018deep,
  title   = {Deep Learning for Classical Japanese Literature},
  author  = {Clanuwat, Tarin and Bober-Irizar, Mikel and Kitamoto, Asanobu and Lamb, Alex and
             Yamamoto, Kazuaki and Ha, David},
  journal = {arXiv preprint arXiv:1812.01718},
  year    = {2018},
}"""

    @property
    def default_format(self) -> str:
        """The format that is fetched and read unless another is asked for."""
        return next(iter(self.formats))

    def files(self, format: str | None = None) -> tuple[DataFile, ...]:
        """The files of one format, the default one if None.

        Raises:
            UsageError: there is no such format.
        """
        format = format or self.default_format
        if format not in self.formats:
            raise unknown_name(f"format of {self.name}", format, self.formats)
        return self.formats[format]

    @property
    def count(self) -> int:
        """Number of images, or pages, in all splits together."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Superseded:
    """An outdated edition of a file that still circulates.

    Attributes:
        dataset: the dataset that it was part of.
        size: its bytes.
        md5: how its MD5 sum begins, as far as that is known.
        what: what it is and what to do about it.
    """

    dataset: str
    size: int
    md5: str
    what: str


def _codh(folder: str, name: str, size: int | None = None, md5: str | None = None) -> DataFile:
    address = f"{CODH}{folder}/{name}"
    return DataFile(name, size, md5, (address.replace("http:", "https:"), ARCHIVE + address, address))


_KMNIST_CLASS_MAP = _codh("kmnist", "kmnist_classmap.csv", 151, "899202f6e8dc29a321ac210a03d0f2f1")
_KMNIST_TEST = (
    _codh("kmnist", "kmnist-test-imgs.npz", 3079479, "dace6de62ca8b90843cc45366337d02e"),
    _codh("kmnist", "kmnist-test-labels.npz", 5304, "3ae489a79983d0fe386152684e3b5412"),
)
_KAGGLE_COPY = (
    "Kaggle has a copy of the npz files: https://www.kaggle.com/datasets/anokas/kuzushiji (log in, Download, unpack)"
)

_KMNIST = Dataset(
    name="kmnist",
    title="Kuzushiji-MNIST",
    description="Ten hiragana, one of each row of the syllabary, in the shape of MNIST.",
    formats={
        "npz": (
            _codh("kmnist", "kmnist-train-imgs.npz", 18384171, "a183fbc01ed9a345513b145673d3d0bb"),
            _codh("kmnist", "kmnist-train-labels.npz", 29700, "b0e1d240e8afec72b50437fc3bc5908a"),
            *_KMNIST_TEST,
            _KMNIST_CLASS_MAP,
        ),
        "idx": (
            _codh("kmnist", "train-images-idx3-ubyte.gz", 18165135, "bdb82020997e1d708af4cf47b453dcf7"),
            _codh("kmnist", "train-labels-idx1-ubyte.gz", 29497, "e144d726b3acfaa3e44228e80efcd344"),
            _codh("kmnist", "t10k-images-idx3-ubyte.gz", 3041136, "5c965bf0a639b31b8f53240b1b52f4d7"),
            _codh("kmnist", "t10k-labels-idx1-ubyte.gz", 5120, "7320c461ea6c1c855c0b718fb2a4b134"),
            _KMNIST_CLASS_MAP,
        ),
    },
    classes=10,
    image_size=(28, 28),
    counts={"train": 60_000, "test": 10_000},
    balanced=True,
    manual_steps=(_KAGGLE_COPY,),
    class_map=_KMNIST_CLASS_MAP.name,
    characters="".join(KMNIST),
    mean=0.1918,
    deviation=0.3483,
)

_KMNIST6K = replace(
    _KMNIST,
    name="kmnist6k",
    title="Kuzushiji-MNIST 6k",
    description="The first 6,284 training images of kmnist and its whole test set: a small standard set-up.",
    formats={
        "npz": (
            DataFile("kmnist-train-imgs.npz", 1923587, "f838ff14b6833b776c192ca631fa5da3"),
            DataFile("kmnist-train-labels.npz", 3452, "9f8e023b6d86651e4761d8f618c341bd"),
            *_KMNIST_TEST,
            _KMNIST_CLASS_MAP,
        ),
    },
    counts={"train": 6_284, "test": 10_000},
    balanced=False,
    manual_steps=("It is cut out of kmnist: once kmnist is there, kmnist6k loads without files of its own",),
    subset_of="kmnist",
    mean=0.1917,
    deviation=0.3484,
)

_TABLE = (
    _KMNIST,
    _KMNIST6K,
    Dataset(
        name="k49",
        title="Kuzushiji-49",
        description="48 hiragana and the iteration mark ゝ, 392 to 6,000 images each; use balanced accuracy.",
        formats={
            "npz": (
                _codh("k49", "k49-train-imgs.npz", 66117696, "7ac088b20481cf51dcd01ceaab89d821"),
                _codh("k49", "k49-train-labels.npz", 164485, "44a8e1b893f81e63ff38d73cad420f7a"),
                _codh("k49", "k49-test-imgs.npz", 10971201, "d352e201d846ce6b94f42c990966f374"),
                _codh("k49", "k49-test-labels.npz", 27450, "4da6f7a62e67a832d5eb1bd85c5ee448"),
                _codh("k49", "k49_classmap.csv", 697, "f7d0d0391f68bdf0fe4cf160ceb85753"),
            ),
        },
        classes=49,
        image_size=(28, 28),
        counts={"train": 232_365, "test": 38_547},
        balanced=False,
        manual_steps=(_KAGGLE_COPY,),
        class_map="k49_classmap.csv",
        characters="".join(K49),
    ),
    Dataset(
        name="kkanji",
        title="Kuzushiji-Kanji",
        description="3,832 kanji, 1 to 1,766 images each, 815 of them with a single one; no official split.",
        formats={"tar": (replace(_codh("kkanji", "kkanji.tar", 310_000_000), known="kkanji.npz"),)},
        classes=3_832,
        image_size=(64, 64),
        counts={"all": 140_424},
        balanced=False,
        manual_steps=(
            "The archive is taken as it is; there is no need to unpack it",
            "If you have it unpacked, the folder loads by its path: --data FOLDER/kkanji2",
        ),
    ),
    Dataset(
        name="recognition",
        title="Kuzushiji Recognition",
        description="Pages of old books with 683,464 characters, each with its box: the Kaggle competition of 2019.",
        formats={
            "pages": (
                DataFile("train.csv", header="image_id,labels"),
                DataFile("unicode_translation.csv", header="Unicode,char"),
                DataFile("train_images", is_folder=True),
            ),
        },
        classes=4_787,
        image_size=None,
        counts={"train": 3_881},
        balanced=False,
        homepage="https://www.kaggle.com/c/kuzushiji-recognition",
        manual_steps=(
            "Kaggle gives it only to who is logged in and has accepted the rules of the competition:",
            "open https://www.kaggle.com/c/kuzushiji-recognition/data, log in, accept the rules, Download All;",
            "or with Kaggle's own program: kaggle competitions download -c kuzushiji-recognition",
            "Both the zip as it comes and the unpacked folder will do",
        ),
        unit="pages",
        attribution='"Kuzushiji Dataset" (created by NIJL and others, processed by CODH), doi:10.20676/00000341',
        citation="""\
@misc{kuzushiji-recognition,
  title  = {Kuzushiji Recognition: Opening the door to a thousand years of Japanese culture},
  author = {{Center for Open Data in the Humanities}},
  year   = {2019},
  url    = {https://www.kaggle.com/c/kuzushiji-recognition},
}""",
    ),
)

DATASETS: dict[str, Dataset] = {entry.name: entry for entry in _TABLE}
"""Every dataset of the catalogue by its name."""

SUPERSEDED = (
    Superseded(
        dataset="kmnist",
        size=3_069_285,
        md5="c8fe4d39",
        what="the test images of KMNIST as they were before February 2019, some of them black or also in the training "
        "set; results on them cannot be compared with others'",
    ),
)
"""Outdated editions of published files."""


def superseded(size: int, md5: str = "") -> Superseded | None:
    """The outdated edition that a file of this size, and this MD5 sum if it is known, is."""
    return next((old for old in SUPERSEDED if old.size == size and (not md5 or md5.startswith(old.md5))), None)


def dataset(name: str) -> Dataset:
    """The dataset of this name.

    Raises:
        UsageError: there is none; the message names the nearest.

    Example:
        >>> dataset("k49").counts["test"]
        38547
    """
    if name not in DATASETS:
        raise unknown_name("dataset", name, DATASETS)
    return DATASETS[name]


def folder(name: str) -> Path:
    """Where the files of a dataset lie.  The folder need not exist."""
    return home.data_folder() / dataset(name).name
