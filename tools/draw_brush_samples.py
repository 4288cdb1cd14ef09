"""Draws the picture of brush characters that the README shows.

python tools/draw_brush_samples.py
"""

from pathlib import Path

import numpy as np
from PIL import Image

from kuzushiji.data.synthetic import brush

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "brush_samples.png"
COLUMNS = 24


def main() -> None:
    data = brush.make("kmnist", "train", samples_per_class=COLUMNS, seed=7)
    rows = [np.concatenate(list(data.images[data.labels == label]), axis=1) for label in range(len(data.classes))]
    sheet = Image.fromarray(255 - np.concatenate(rows))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    sheet.resize((2 * sheet.width, 2 * sheet.height), Image.Resampling.LANCZOS).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
