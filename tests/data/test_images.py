"""Files of single images: listing them in one order, and decoding them."""

import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kuzushiji.data.files import allowance, decode
from kuzushiji.data.files.allowance import Allowance
from kuzushiji.data.files.decode import decode_listing, paper_of
from kuzushiji.data.files.image_files import write_class_folders
from kuzushiji.data.files.listing import identity, list_images
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.splits import pixel_hash
from kuzushiji.errors import DataError
from kuzushiji.imaging.read import read_gray
from tests.data.tar import write_tar

GRAY = np.random.default_rng(0).integers(0, 256, (20, 12), dtype=np.uint8)


def packed(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def character(top: int = 8, *, size: int = 32, paper: int = 0) -> np.ndarray:
    """A stroke on paper: ink is bright on dark paper and dark on bright paper."""
    pixels = np.full((size, size), paper, np.uint8)
    pixels[top : top + 4, 4:-4] = 255 - paper
    return pixels


def place(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def make_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


PNG = packed(Image.fromarray(character()))


def test_equal_pixels_have_equal_hashes_whatever_the_file() -> None:
    assert pixel_hash(read_gray(packed(Image.fromarray(GRAY)))) == pixel_hash(
        read_gray(packed(Image.fromarray(GRAY), "BMP"))
    )
    assert pixel_hash(GRAY) != pixel_hash(np.ascontiguousarray(GRAY.T))
    assert pixel_hash(GRAY) != pixel_hash(GRAY.reshape(12, 20))


# Listing


def test_the_order_depends_on_names_alone(tmp_path: Path) -> None:
    names = ["k/U+4E01/b.png", "k/U+4E01/a.png", "k/U+2000B/a.png", "k/U+4E00/z.png", "k/一/a.png"]
    forwards = list_images(make_tar(tmp_path / "a.tar", dict.fromkeys(names, PNG)))
    backwards = list_images(make_tar(tmp_path / "b.tar", dict.fromkeys(reversed(names), PNG)))
    assert forwards.names == backwards.names
    assert forwards.names == ("k/一/a.png", "k/U+4E00/z.png", "k/U+4E01/a.png", "k/U+4E01/b.png", "k/U+2000B/a.png")
    assert forwards.classes == ("一", "丁", "𠀋")
    assert forwards.labels.tolist() == [0, 0, 1, 1, 2]


def test_a_folder_and_a_tar_of_it_agree(tmp_path: Path) -> None:
    images = np.stack([character(top) for top in range(20)])
    data = CharacterImages(images, np.arange(20) % 3, tuple("おきす"))
    write_class_folders(tmp_path / "folder", data)
    write_tar(tmp_path / "a.tar", data)
    folder, tar = list_images(tmp_path / "folder"), list_images(tmp_path / "a.tar")
    assert [f"kkanji2/{name}" for name in folder.names] == list(tar.names)
    assert list(folder.contents(range(20))) == list(tar.contents(range(20)))


def test_what_file_managers_leave_is_not_an_image(tmp_path: Path) -> None:
    place(tmp_path / "f" / "お" / "a.PNG", PNG)
    for litter in (".DS_Store", "お/.DS_Store", "お/Thumbs.db", "__MACOSX/お/._a.png", ".git/x", "README.md"):
        place(tmp_path / "f" / litter, b"litter")
    assert list_images(tmp_path / "f").names == ("お/a.PNG",)
    tar = make_tar(tmp_path / "a.tar", {"k/お/a.png": PNG, "k/お/._a.png": b"litter", "k/.DS_Store": b"litter"})
    assert list_images(tar).names == ("k/お/a.png",)


def test_folders_that_divide(tmp_path: Path) -> None:
    for name in ("train/お/a.png", "train/き/a.png", "val/お/a.png", "test/き/a.png"):
        place(tmp_path / name, PNG)
    found = list_images(tmp_path)
    assert found.splits == ("train", "train", "validation", "test")
    assert found.classes == ("お", "き")
    assert found.labels.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], "holds no images; expected a folder for each class"),
        (["loose.png"], "holds no images; expected a folder for each class"),
        (["お/notes.txt"], r"notes\.txt lies in a class folder and is not an image"),
        (["a/お/a.png"], "is a folder in a class folder"),
        (["train/お/a.png", "お/a.png"], "holds train and beside them お"),
        (["val/お/a.png", "valid/お/a.png"], "two folders for one split"),
    ],
)
def test_folders_that_are_no_dataset(tmp_path: Path, names: list[str], found: str) -> None:
    for name in names:
        place(tmp_path / name, PNG)
    with pytest.raises(DataError, match=found):
        list_images(tmp_path)


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({}, "holds no images"),
        ({"a.png": PNG}, r"a\.png is not an image in a class folder"),
        ({"k/U+4E00/notes.txt": b""}, r"notes\.txt is not an image"),
    ],
)
def test_tars_that_are_no_dataset(tmp_path: Path, members: dict[str, bytes], found: str) -> None:
    with pytest.raises(DataError, match=rf"a\.tar.*{found}"):
        list_images(make_tar(tmp_path / "a.tar", members))


def test_a_link_in_a_tar_is_not_followed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        link = tarfile.TarInfo("k/U+4E00/a.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(DataError, match="neither a file nor a folder"):
        list_images(tmp_path / "a.tar")


def test_a_tar_that_is_cut_off_anywhere(tmp_path: Path) -> None:
    whole = make_tar(tmp_path / "a.tar", {f"k/U+4E00/{number}.png": PNG for number in range(3)}).read_bytes()
    a_member = 512 + (len(PNG) + 511) // 512 * 512
    for keep in (1, 512, 700, a_member, a_member + 100, 2 * a_member, 3 * a_member - 1, 3 * a_member):
        (tmp_path / "cut.tar").write_bytes(whole[:keep])
        with pytest.raises(DataError, match=r"cut\.tar is (cut off|not a whole tar)"):
            list_images(tmp_path / "cut.tar")


def test_files_that_are_no_tar(tmp_path: Path) -> None:
    (tmp_path / "page.tar").write_bytes(b"<html>not found</html>" * 100)
    with pytest.raises(DataError, match=r"page\.tar is not a whole tar file"):
        list_images(tmp_path / "page.tar")
    (tmp_path / "a.7z").write_bytes(b"7z\xbc\xaf'\x1c" * 100)
    with pytest.raises(DataError, match=r"a\.7z is a 7z archive, which is not read: unpack it"):
        list_images(tmp_path / "a.7z")
    with pytest.raises(DataError, match=r"none\.tar does not exist"):
        list_images(tmp_path / "none.tar")


def test_of_a_name_that_comes_twice_the_last_counts(tmp_path: Path) -> None:
    other = packed(Image.fromarray(character(20)))
    make_tar(tmp_path / "a.tar", {"k/U+4E00/a.png": PNG})
    with tarfile.open(tmp_path / "a.tar", "a") as archive:
        member = tarfile.TarInfo("k/U+4E00/a.png")
        member.size = len(other)
        archive.addfile(member, io.BytesIO(other))
    listing = list_images(tmp_path / "a.tar")
    assert list(listing.contents(range(len(listing)))) == [other]


def test_the_identity_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    tar = make_tar(tmp_path / "a.tar", {"k/U+4E00/a.png": PNG})
    place(tmp_path / "f" / "お" / "a.png", PNG)
    for source in (tar, tmp_path / "f"):
        before = identity(source)
        moved = source.rename(source.with_name(f"moved-{source.name}"))
        assert identity(moved) == before
        changed = moved if moved.is_file() else moved / "お" / "a.png"
        with open(changed, "ab") as file:
            file.write(b"more")
        assert identity(moved) != before


# Decoding a listing


@pytest.mark.parametrize("processes", [1, 3])
def test_every_image_lands_in_its_place(tmp_path: Path, processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "cores", lambda: processes)
    monkeypatch.setattr(decode, "_ONE_PROCESS", 100)
    images = np.random.default_rng(0).integers(0, 100, (1500, 6, 5), dtype=np.uint8)
    write_tar(tmp_path / "a.tar", CharacterImages(images, np.zeros(1500, np.int64), ("お",)))
    told: list[tuple[int, int]] = []
    found = decode_listing(list_images(tmp_path / "a.tar"), tmp_path, progress=lambda *counts: told.append(counts))
    assert (np.load(found.images) == images).all()
    assert [hash_.tobytes() for hash_ in found.hashes] == [pixel_hash(image) for image in images]
    assert told[-1] == (1500, 1500)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_damaged_member_is_named(tmp_path: Path, processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "cores", lambda: processes)
    monkeypatch.setattr(decode, "_ONE_PROCESS", 100)
    members = {f"k/U+4E00/{number:04d}.png": PNG for number in range(300)}
    members["k/U+4E00/0123.png"] = PNG[:70]
    tar = make_tar(tmp_path / "a.tar", members)
    with pytest.raises(DataError, match=r"k/U\+4E00/0123\.png in .*a\.tar is a damaged image"):
        decode_listing(list_images(tar), tmp_path)


def test_mixed_sizes_need_one_to_be_chosen(tmp_path: Path) -> None:
    place(tmp_path / "f" / "お" / "a.png", PNG)
    place(tmp_path / "f" / "お" / "b.png", packed(Image.fromarray(GRAY)))
    listing = list_images(tmp_path / "f")
    with pytest.raises(DataError, match=r"b\.png is 12x20 pixels, but .*a\.png 32x32; choose one size"):
        decode_listing(listing, tmp_path)
    found = decode_listing(listing, tmp_path, side=16)
    assert np.load(found.images).shape == (2, 16, 16)
    assert found.hashes[1].tobytes() == pixel_hash(GRAY)


@pytest.mark.parametrize("paper", [0, 40, 215, 255])
def test_ink_comes_out_bright(tmp_path: Path, paper: int) -> None:
    for top in range(4, 20):
        place(tmp_path / "f" / "お" / f"{top:02d}.png", packed(Image.fromarray(character(top, paper=paper))))
    # One odd image does not turn the others, nor is it turned by itself.
    place(tmp_path / "f" / "お" / "99.png", packed(Image.fromarray(np.full((32, 32), 255 - paper, np.uint8))))
    listing = list_images(tmp_path / "f")
    assert paper_of(listing, Allowance(listing.root))[0] == (paper > 127)
    images = np.load(decode_listing(listing, tmp_path).images)
    ink = [image[top : top + 4, 4:-4].min() for top, image in zip(range(4, 20), images[:-1], strict=True)]
    assert min(ink) > max(int(np.median(image)) for image in images[:-1])


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("form", ["folder", "zip"])
def test_more_pixels_than_so_few_bytes_hold_are_refused(
    tmp_path: Path, form: str, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "cores", lambda: processes)
    monkeypatch.setattr(decode, "_ONE_PROCESS", 20)
    monkeypatch.setattr(allowance, "_ALWAYS", 1_000_000)
    blank = packed(Image.new("L", (200, 200), 255))
    for number in range(30):
        place(tmp_path / "f" / "お" / f"{number}.png", blank)
    source = tmp_path / "f"
    if form == "zip":
        source = Path(shutil.make_archive(str(tmp_path / "f"), "zip", tmp_path / "f"))
    listing = list_images(source)
    with pytest.raises(DataError, match=r"f(\.zip)? has more pixels than [\d,]+ bytes of writing have"):
        decode_listing(listing, tmp_path, side=16)
    monkeypatch.setattr(allowance, "_SMALL", 1000)  # of a larger one each byte counts
    assert np.load(decode_listing(listing, tmp_path, side=16).images).shape == (30, 16, 16)
