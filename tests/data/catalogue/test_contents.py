"""An archive without a published hash: its content's hash, the images that are known, and what was fetched."""

import csv
import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kuzushiji.cli import main
from kuzushiji.data.catalogue import contents, verify
from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.data.catalogue.contents import SHORT, Content, Known, content_of, seen
from kuzushiji.data.catalogue.download import fetch
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.splits import pixel_hash
from kuzushiji.errors import DownloadError
from tests.data.tar import write_tar

SHIPPED = Path(verify.__file__).with_name("kkanji.npz")


def characters(count: int = 100, seed: int = 0) -> CharacterImages:
    images = np.random.default_rng(seed).integers(256, size=(count, 64, 64), dtype=np.uint8)
    return CharacterImages(images=images, labels=np.arange(count) % 2, classes=("一", "二"))


def content(path: Path) -> Content:
    contents._LAST.clear()
    return content_of(path, "")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CharacterImages:
    """The catalogue has a kkanji of 100 images, of which 90 are known; they are in `tmp_path`."""
    data = characters()
    write_tar(tmp_path / "some.tar", data.select(slice(90)))
    Known.of(content(tmp_path / "some.tar")).save(tmp_path / "known.npz")
    (tmp_path / "some.tar").unlink()
    entry = catalog.DATASETS["kkanji"]
    files = (replace(entry.files()[0], known=str(tmp_path / "known.npz")),)
    entry = replace(entry, counts={"all": 100}, classes=2, formats={"tar": files})
    monkeypatch.setitem(catalog.DATASETS, "kkanji", entry)
    write_tar(tmp_path / "kkanji.tar", data)
    return data


def in_place() -> Path:
    return catalog.folder("kkanji") / "kkanji.tar"


def changed(data: CharacterImages, number: int) -> CharacterImages:
    """One pixel of one image by one shade."""
    images = data.images.copy()
    images[number, 5, 5] ^= 1
    return replace(data, images=images)


def told() -> tuple[str, str]:
    (report,) = verify.verify("kkanji")
    return report.status, report.detail


def test_the_hash_of_a_content_is_what_it_is_said_to_be(tmp_path: Path) -> None:
    data = characters(6)
    write_tar(tmp_path / "a.tar", data)
    write_tar(tmp_path / "b.tar", data.select(np.arange(6)[::-1]), top="elsewhere")
    digest = hashlib.sha256()
    folder = {"一": "U+4E00", "二": "U+4E8C"}
    named = {
        f"{folder[data.classes[label]]}/{number:06d}.png": pixels
        for number, (pixels, label) in enumerate(zip(data.images, data.labels, strict=True))
    }
    for name in sorted(named):
        digest.update(name.encode() + b"\0" + hashlib.sha256(b"64x64:" + named[name].tobytes()).digest())
    assert content(tmp_path / "a.tar").digest == content(tmp_path / "b.tar").digest == digest.hexdigest()
    write_tar(tmp_path / "c.tar", changed(data, 3))
    assert content(tmp_path / "c.tar").digest != digest.hexdigest()


def test_what_is_known_is_told_and_noted(archive: CharacterImages, tmp_path: Path, capsys) -> None:
    fetch("kkanji", source=tmp_path)
    digest = content(in_place()).digest
    noted = seen(in_place())
    assert noted
    assert (noted.content, noted.images, noted.sha256) == (
        digest,
        100,
        hashlib.sha256(in_place().read_bytes()).hexdigest(),
    )
    status, detail = told()
    assert status == "right"
    assert "100 images, as many as were published; 90 of the 90 that are known are there and unchanged" in detail
    assert f"the same file as on {noted.day}" in detail
    assert main(["data", "info", "kkanji"]) == 0
    assert f"content {digest}" in capsys.readouterr().out


@pytest.mark.parametrize("number", [0, 89, 99])  # known, and not
def test_a_pixel_that_changed_since_it_was_fetched_shows(archive: CharacterImages, tmp_path: Path, number: int) -> None:
    fetch("kkanji", source=tmp_path)
    write_tar(in_place(), changed(archive, number))
    status, detail = told()
    assert status == "wrong"
    assert ("89 of the 90" if number < 90 else "it holds other images than when it was fetched") in detail
    assert main(["data", "verify", "kkanji"]) == 1
    fetch("kkanji", source=tmp_path)
    assert told()[0] == "right"


def test_a_known_image_that_was_changed_before_it_was_fetched_shows(archive: CharacterImages, tmp_path: Path) -> None:
    write_tar(tmp_path / "kkanji.tar", changed(archive, 7))
    with pytest.raises(DownloadError, match=r"89 of the 90 .* at least 1 of its 100 images are others"):
        fetch("kkanji", source=tmp_path)
    write_tar(tmp_path / "kkanji.tar", characters(60, seed=1))  # none of which is known
    with pytest.raises(DownloadError, match="0 of the 90"):
        fetch("kkanji", source=tmp_path)


def test_a_part_is_taken_and_the_whole_in_its_place(archive: CharacterImages, tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    write_tar(tmp_path / "part" / "kkanji.tar", archive.select(slice(95)))
    fetch("kkanji", source=tmp_path / "part")
    write_tar(in_place(), archive)  # by hand
    assert told()[0] == "right"


def test_others_that_begin_alike_do_not_hide_the_known_nor_pass_for_them() -> None:
    def hashes(*numbers: int, tail: int = 0) -> tuple[bytes, ...]:
        return tuple(bytes([number] * SHORT) + bytes([tail] * (32 - SHORT)) for number in numbers)

    known = Known.of(Content("", {"一": hashes(1, 2, 2), "二": hashes(3)}))
    more = Content("", {"一": hashes(1, 2, 2) + hashes(2, 2, 9, tail=7), "二": hashes(3, 3, tail=0)})
    assert known.found_in(more) == contents.Found(known=4, there=4, others=4, same=True)
    forged = Content("", {"一": hashes(1, 2, 2), "二": hashes(3, tail=1)})
    assert known.found_in(forged) == contents.Found(known=4, there=4, others=0, same=False)
    elsewhere = Content("", {"一": hashes(1, 2, 2, 3), "二": ()})
    assert known.found_in(elsewhere) == contents.Found(known=4, there=3, others=1, same=False)


def test_what_ships_knows_the_real_images(real_data: Path) -> None:
    known = Known.load(SHIPPED)
    assert (len(known.classes), sum(known.counts), len(known.short)) == (3832, 127_093, 127_093)
    starts = dict(zip(known.classes, np.cumsum((0, *known.counts)).tolist(), strict=False))
    counts = dict(zip(known.classes, known.counts, strict=True))
    strip = np.asarray(Image.open(real_data / "kkanji" / "strip-000.webp").convert("L"))
    with gzip.open(real_data / "kkanji" / "index.csv.gz", "rt", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["strip"] == "0"]
    assert len(rows) > 50
    for row in rows:
        character = chr(int(row["path"].split("/")[0].removeprefix("U+"), 16))
        top = int(row["row"]) * 64
        begins = pixel_hash(np.ascontiguousarray(strip[top : top + 64]))[:SHORT]
        of_class = known.short[starts[character] : starts[character] + counts[character]]
        assert begins in {each.tobytes() for each in of_class}
