"""Characters are found at any scale, and by tiles as on the whole page."""

import numpy as np
import pytest
from PIL import Image

from kuzushiji.reading import finding


def detect(images):
    """Sees each block of ink: its middle is where most ink is around, its size that of the ink in the row."""
    cells = images[0, 0].reshape(images.shape[2] // 4, 4, images.shape[3] // 4, 4).mean(axis=(1, 3))
    heat = np.zeros_like(cells)
    maps = np.zeros((4, *cells.shape), np.float32)
    filled = cells > 0.5
    starts = filled & ~np.pad(filled, ((1, 0), (0, 0)))[:-1] & ~np.pad(filled, ((0, 0), (1, 0)))[:, :-1]
    for row, column in np.argwhere(starts):
        side = int(np.argmin(np.append(filled[row, column:], False)))
        y, x = min(row + side // 2, len(cells) - 1), min(column + side // 2, cells.shape[1] - 1)
        heat[y, x] = 0.9
        maps[2:, y, x] = np.log(max(side, 1))
    return heat[None, None], maps[None]


def page_of(side: int, rows: int = 5, columns: int = 4) -> np.ndarray:
    page = np.full((2 * side * rows + side, 3 * side * columns + side), 230, np.uint8)
    for row in range(rows):
        for column in range(columns):
            page[side + 2 * side * row :][:side, side + 3 * side * column :][:, :side] = 20
    return page


@pytest.mark.parametrize("side", [24, 60, 200])
def test_scale_is_found(side):
    found = finding.find_characters(page_of(side), detect)
    assert len(found) == 20
    assert np.median(found.boxes[:, 2:]) == pytest.approx(side, rel=0.3)


def test_tiles_are_as_the_whole(monkeypatch):
    page = Image.fromarray(page_of(24, 12, 10))
    whole = finding.find_at(page, 1.0, detect)
    monkeypatch.setattr(finding, "_TILE", 192)
    tiled = finding.find_at(page, 1.0, detect)
    assert len(whole) == 120
    np.testing.assert_array_equal(whole.boxes, tiled.boxes)


def test_blank_page_has_no_characters():
    assert len(finding.find_characters(np.full((900, 700), 230, np.uint8), detect)) == 0
