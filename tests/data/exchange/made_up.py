"""Small pages with an image each, in the layout of Kaggle."""

from pathlib import Path

import numpy as np
from PIL import Image

COLUMNS = ("いろはに", "ほへと゚")
"""What each page says; the last character has a mark of its own."""
SIZE = (120, 200)
"""Width and height of a page."""
_CHARACTERS = ("い", "ろ", "は", "に", "ほ", "へ", "と゚")


def boxes() -> list[tuple[int, int, int, int]]:
    """Left, top, width and height of the characters, column by column from the right."""
    first = [(72, 8 + 46 * row, 34, 40) for row in range(4)]
    return first + [(14, 8 + 46 * row, 31, 38) for row in range(3)]


def write_pages(folder: Path, count: int = 4, suffix: str = ".png") -> Path:
    """Pages of a book each, `a0_1`, `a1_1` and so on, which differ in their pixels."""
    (folder / "train_images").mkdir(parents=True)
    rows = ["image_id,labels"]
    for number in range(count):
        pixels = np.full((SIZE[1], SIZE[0]), 220, np.uint8)
        for left, top, width, height in boxes():
            pixels[top + 4 : top + height - 4, left + 4 : left + width - 4] = 30 + number
        Image.fromarray(pixels).save(folder / "train_images" / f"a{number}_1{suffix}")
        labels = (
            f"{'_'.join(f'U+{ord(each):04X}' for each in text)} {' '.join(map(str, box))}"
            for text, box in zip(_CHARACTERS, boxes(), strict=True)
        )
        rows.append(f"a{number}_1,{' '.join(labels)}")
    (folder / "train.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder
