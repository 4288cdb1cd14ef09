"""Which reader reads, told by values, so that a process of another machine opens the same."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from kuzushiji.data.pages.sources import PageImage
from kuzushiji.document.page import Step
from kuzushiji.errors import KuzushijiError
from kuzushiji.reading.folder import Files, Wanted, read_files
from kuzushiji.reading.readers import PageReader


@dataclass(frozen=True)
class ReaderChoice:
    """What a reader is made of.

    Attributes:
        reader: whose networks.
        ndl: of `ndl`, the folder with them, as `NdlReader` takes it.
        detector, model, language: of `ours`, as `Reader` takes them.
        top, threads: as either takes them.
    """

    reader: Literal["ours", "ndl"] = "ours"
    ndl: Path | None = None
    detector: Path | None = None
    model: str | None = None
    language: bool = True
    top: int = 5
    threads: int | None = None

    def open(self) -> PageReader:
        """Loads its networks.

        Raises:
            UsageError: there is no network of this name, or `top` is below 1.
            DataError: a file is missing or damaged.
        """
        if self.reader == "ndl":
            from kuzushiji.reading.ndl import NdlReader

            return NdlReader(self.ndl, top=self.top, threads=self.threads)
        from kuzushiji.reading.reader import Reader

        return Reader(self.detector, self.model, language=self.language, top=self.top, threads=self.threads)

    def anywhere(self, threads: int) -> Self:
        """The same for another process: with paths that mean the same there, and so many threads."""
        model = str(Path(self.model).absolute()) if self.model and Path(self.model).is_file() else self.model
        ndl = None
        if self.reader == "ndl":
            from kuzushiji.reading.ndl_files import ndl_folder

            ndl = (self.ndl or ndl_folder()).absolute()
        return replace(
            self,
            ndl=ndl,
            detector=self.detector and self.detector.absolute(),
            model=model,
            threads=threads,
        )


def read_as(choice: ReaderChoice, steps: tuple[Step, ...], wanted: Wanted, image: PageImage) -> Files:
    """`read_files` in a process that keeps its reader for the next page.

    Args:
        steps: how the reader must read that this choice gives.

    Raises:
        KuzushijiError: it reads otherwise here.
        DataError: the page can't be read, or a file of a network.
    """
    reader = _kept(choice)
    if reader.steps != steps:
        raise KuzushijiError("networks or settings are others on another machine; install the same on all of them")
    return read_files(reader, wanted, image)


@lru_cache(maxsize=1)
def _kept(choice: ReaderChoice) -> PageReader:
    return choice.open()
