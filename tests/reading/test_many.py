"""Many images at once, in Python."""

import numpy as np
import pytest
from PIL import Image

import kuzushiji
from kuzushiji.errors import UsageError


@pytest.fixture
def scans(tmp_path):
    """Two characters in a folder, and a file that is none."""
    glyphs = kuzushiji.load("brush:kmnist:1", "train").images[:2]
    for name, glyph in zip("ab", glyphs, strict=True):
        Image.fromarray(255 - glyph).resize((60, 60)).save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    return tmp_path


def test_folders_files_arrays_and_named_images_are_read_and_what_is_none_is_told(scans):
    array = np.asarray(Image.open(scans / "a.png"))
    done = []
    found = kuzushiji.recognize(
        [scans, scans / "b.png", array, ("mine", (scans / "b.png").read_bytes())],
        "kmnist",
        top=2,
        tell=lambda *counts: done.append(counts),
    )
    assert [each.file for each in found] == [
        str(scans / "a.png"), str(scans / "b.png"), str(scans / "b.png"), "image 2", "mine"
    ]  # fmt: skip
    first, second, *others = (each.recognition for each in found)
    assert others == [second, first, second]
    assert len(first) == 2
    (failure,) = found.failures
    assert failure.startswith(f"{scans / 'broken.png'} ")
    assert done == [(6, 6)]


def test_one_image_is_as_good_as_many_and_several_networks_answer(scans):
    found = kuzushiji.recognize(scans / "a.png", ["kmnist", "kana"])
    assert [each.model for each in found] == list(found.recognizers) == ["kmnist", "kana"]
    alone = kuzushiji.Recognizer("kmnist")(scans / "a.png")
    assert [found[0].recognition] == alone
    with pytest.raises(UsageError, match="top is 0"):
        kuzushiji.recognize(scans, top=0)
