"""How many pixels are decoded of a source of so many bytes: a small one of blank images would else take hours."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from kuzushiji.errors import DataError

_ALWAYS, _SMALL, _A_BYTE = 2**30, 5_000_000, 1000
"""So many pixels any source may have, and one of more than so many bytes so many more for each further byte.

Writing takes a byte for far fewer pixels than that, blank images that are packed for far more.
"""


@dataclass
class Allowance:
    """What is left of it.

    Attributes:
        source: the folder or the archive.
        left: pixels.
        size: its bytes, which are counted when as many pixels as any source may have are decoded.
    """

    source: Path
    left: int = field(default_factory=lambda: _ALWAYS)
    size: int | None = None

    def share(self, parts: int) -> "Allowance":
        """What each of so many processes may take."""
        return replace(self, left=self.left // parts)

    def take(self, pixels: int) -> None:
        """Raises:
        DataError: there have been too many.
        """
        self.left -= pixels
        if self.left < 0 and self.size is None:
            is_folder = self.source.is_dir()
            files = (path for path in self.source.rglob("*") if path.is_file()) if is_folder else (self.source,)
            self.size = sum(path.stat().st_size for path in files)
            self.left += _A_BYTE * max(0, self.size - _SMALL)
        if self.left < 0:
            raise DataError(
                f"{self.source} has more pixels than {self.size:,} bytes of writing have: its images are blank, or "
                "made to take hours; make them smaller"
            )
