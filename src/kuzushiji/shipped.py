"""The networks that ship with the package: where they lie."""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "reading" / "weights"

DETECTOR = WEIGHTS / "detector.onnx"
"""What finds the characters of a page; it names none."""


def shipped(name: str) -> Path | None:
    """The file of the network that ships under this name; None if there is none."""
    path = WEIGHTS / f"{name}.onnx"
    return path if path.parent == WEIGHTS and path.is_file() else None
