"""Data sets on the Hugging Face hub: `hf:OWNER/NAME`, `hf:OWNER/NAME@REVISION`, `hf:OWNER/NAME:PART`."""

from dataclasses import dataclass, replace
from functools import cached_property

from kuzushiji.data.files.parquet import ParquetFiles
from kuzushiji.data.files.parquet_layout import read_card
from kuzushiji.data.images import CharacterImages, Progress
from kuzushiji.data.splits import Sample
from kuzushiji.errors import DataError
from kuzushiji.extras import check_extras
from kuzushiji.repository import PREFIX, Repository, repository


@dataclass(frozen=True)
class OnHub:
    """The parquet files of a repository, fetched when they are wanted.

    Attributes:
        repository: where they are.
        part: which part of the data set, where it has several; empty for the only one.
    """

    repository: Repository
    part: str = ""

    @property
    def name(self) -> str:
        """Without the revision."""
        return replace(self, repository=replace(self.repository, revision="")).address

    @property
    def address(self) -> str:
        """With the revision, if one is said."""
        return self.repository.address + (f":{self.part}" if self.part else "")

    def pinned(self) -> "OnHub":
        """The same at the commit that the revision is now.

        Raises:
            DownloadError: as in `Repository.fetched`.
        """
        return replace(self, repository=self.repository.pinned())

    @property
    def splits(self) -> tuple[str, ...]:
        """Those that its card names, or its files.

        Raises:
            UsageError: there are several parts, or none of this name.
            DataError: there are no parquet files, or they can't be fetched.
        """
        return self._files.splits

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The images of a split; see `ParquetFiles.read`."""
        return self._files.read(split, side, progress)

    def count(self, split: str) -> int:
        """See `ParquetFiles.count`."""
        return self._files.count(split)

    def read_some(
        self, split: str, side: int | None, progress: Progress | None, wanted: Sample
    ) -> CharacterImages | None:
        """Some of the images of a split; see `ParquetFiles.read_some`."""
        return self._files.read_some(split, side, progress, wanted)

    @cached_property
    def _files(self) -> ParquetFiles:
        check_extras("hub", "parquet")
        commit = self.repository.pinned()
        card = read_card(commit.fetched("README.md") / "README.md")
        part = card.part(self.part, self.name)
        folder = commit.fetched("README.md", *card.patterns(part))
        if next(folder.rglob("*.parquet"), None) is None:
            raise DataError(
                f"{self.address} has no parquet files"
                + (f" of {self.part}" if self.part else "")
                + f"; expected images and labels as such. Of much data the hub makes them: try {PREFIX}"
                f"{commit.name}@refs/convert/parquet, or look at {commit.url}"
            )
        return ParquetFiles(folder, part, self.name)


def on_hub(text: str) -> OnHub | None:
    """What a name stands for; None if it does not begin with `hf:`.

    Raises:
        UsageError: it does, and names no repository.

    Example:
        >>> on_hub("hf:owner/name@v1:k49").name
        'hf:owner/name:k49'
    """
    if not text.startswith(PREFIX):
        return None
    name, _, part = text.removeprefix(PREFIX).partition(":")
    found = repository(PREFIX + name, "dataset")
    return OnHub(found, part) if found else None
