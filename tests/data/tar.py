"""A tar of class folders, as Kuzushiji-Kanji is published."""

import io
import tarfile
from pathlib import Path

from PIL import Image

from kuzushiji.data.files.class_map import folder_of_class
from kuzushiji.data.images import CharacterImages


def write_tar(path: Path, data: CharacterImages, *, top: str = "kkanji2") -> None:
    """Writes images as `kkanji2/U+4E00/000123.png`; the number is the id."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for pixels, label, identity in zip(data.images, data.labels, data.ids, strict=True):
            packed = io.BytesIO()
            Image.fromarray(pixels).save(packed, "PNG")
            member = tarfile.TarInfo(f"{top}/{folder_of_class(data.classes[label])}/{identity:06d}.png")
            member.size = packed.tell()
            packed.seek(0)
            archive.addfile(member, packed)
