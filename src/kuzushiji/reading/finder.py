"""A detector in a file, ready to find characters."""

from pathlib import Path

from kuzushiji.exported import computed, open_detector
from kuzushiji.files import file_hash
from kuzushiji.processes import cores
from kuzushiji.reading.detector import Floats
from kuzushiji.reading.pretrained import find_detector
from kuzushiji.repository import pinned


class Detector:
    """Finds characters with the detector that ships, or one that `kuzushiji export` wrote; a `finding.Detect`.

    Args:
        path: the exported file, or `hf:OWNER/NAME`; the one that ships if None.
        threads: how many of the processor's cores to use; all that this process may use if None.

    Raises:
        UsageError: none is named and none ships.
        DataError: the file is missing, truncated or no detector.
    """

    def __init__(self, path: str | Path | None = None, *, threads: int | None = None) -> None:
        self.name = None if path is None else pinned(path)
        self.path = find_detector(self.name)
        self.description, self._session = open_detector(self.path, threads or cores())
        self.sha256 = file_hash(self.path)

    def __call__(self, images: Floats) -> tuple[Floats, Floats]:
        """The maps of images, as `finding.Detect` says."""
        heat, boxes = computed(self._session, ["heat", "boxes"], images, self.path)
        return heat, boxes
