"""Takes images of kana out of datasets that do not have them as such, where networks for kana read them rightly.

- `parents`: images of the parent kanji of kana, such as 可 of か, that are read as their kana: what Kuzushiji-Kanji
  calls the kanji is written as the kana is on pages.
- `kana`: images of kana, such as glyphs of brush fonts, in which their kana is at least seen: fonts hold forms that no
  old page has.

    python tools/kana_material.py parents --of kkanji --way parents --teachers teachers
    python tools/kana_material.py brush-k49 --of brush:k49:500 --way kana --teachers teachers

Writes `DESTINATION/train/U+XXXX/NUMBER.png`, 64 x 64, ink bright.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from page_material import teaching
from PIL import Image

import kuzushiji
from kuzushiji.characters import K49, kana_of
from kuzushiji.files import folder_written_whole

SIDE = 64
LEAST = {"parents": 0.6, "kana": 0.25}
"""An image is taken where its kana is seen with at least such a probability."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("destination", type=Path, help="a folder that is not there yet")
    parser.add_argument("--of", required=True, help="dataset, as `kuzushiji train --data` takes it")
    parser.add_argument("--way", choices=tuple(LEAST), required=True, help="what its classes are")
    parser.add_argument("--teachers", type=Path, required=True, help="a folder with teachers.py")
    arguments = parser.parse_args()
    if arguments.destination.exists():
        sys.exit(f"{arguments.destination} exists; name a folder that is not there yet")
    images = kuzushiji.load(arguments.of, "train")
    names = [kana_of(name) if arguments.way == "parents" else name for name in images.classes]
    known = np.array([K49.index(name) if name in K49 else -1 for name in names])[images.labels]
    rows = np.flatnonzero(known >= 0)
    teach = teaching(arguments.teachers)
    small = np.stack([resized(images.images[row], 28, Image.Resampling.BOX) for row in rows])
    seen = np.concatenate([teach(some) for some in np.array_split(small, len(small) // 256 + 1)])[
        np.arange(len(rows)), known[rows]
    ]
    taken = rows[seen >= LEAST[arguments.way]]
    with folder_written_whole(arguments.destination) as beside:
        for row in taken.tolist():
            folder = beside / "train" / f"U+{ord(K49[known[row]]):04X}"
            folder.mkdir(parents=True, exist_ok=True)
            large = resized(images.images[row], SIDE, Image.Resampling.BICUBIC)
            Image.fromarray(large).save(folder / f"{row}.png", compress_level=1)
    print(f"{len(taken):,} of {len(rows):,} images in {arguments.destination}")


def resized(image: NDArray[np.uint8], side: int, filter: Image.Resampling) -> NDArray[np.uint8]:
    """An image of `side` pixels a side; as it is where it has them."""
    return image if image.shape == (side, side) else np.asarray(Image.fromarray(image).resize((side, side), filter))


if __name__ == "__main__":
    main()
