"""However an image comes, its pixels are the same."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from kuzushiji.errors import DataError
from kuzushiji.imaging.read import read_color, read_gray

GRAY = np.random.default_rng(0).integers(0, 256, (20, 12), dtype=np.uint8)
GRAY[0, :2] = 0, 255


def packed(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def stroke(paper: int = 0) -> np.ndarray:
    """Ink is bright on dark paper and dark on bright paper."""
    pixels = np.full((32, 32), paper, np.uint8)
    pixels[8:12, 4:-4] = 255 - paper
    return pixels


def deep_png(pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits a channel, which Pillow does not write: uint16 (H, W, channels)."""
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


PNG = packed(Image.fromarray(stroke()))


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("GIF", {}),
        ("JPEG2000", {}),
        ("WEBP", {"lossless": True}),
        ("AVIF", {"quality": 100}),
        ("JPEG", {"quality": 100}),
    ],
)
def test_every_format_is_read(form: str, options: dict) -> None:
    content = packed(Image.fromarray(GRAY), form, **options)
    assert read_gray(content).shape == GRAY.shape
    assert np.abs(read_gray(content).astype(int) - GRAY).max() <= (3 if form == "JPEG" else 0)
    assert np.abs(read_color(content).astype(int) - GRAY[..., None]).max() <= (3 if form == "JPEG" else 0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "La", "RGBa", "I", "F"])
def test_every_mode_is_read(mode: str) -> None:
    source: Image.Image = Image.fromarray(stroke())
    by_way_of = {"La": "LA", "RGBa": "RGBA", "PA": "P", "YCbCr": "RGB"}
    image = source.convert(by_way_of.get(mode, mode)).convert(mode)
    assert np.abs(read_gray(image).astype(int) - stroke()).max() <= 1
    assert np.abs(read_color(image).astype(int) - stroke()[..., None]).max() <= 1
    if mode not in ("PA", "La", "RGBa"):  # which TIFF does not hold
        assert np.abs(read_gray(packed(image, "TIFF")).astype(int) - stroke()).max() <= 1


def test_colours_of_hsv_and_lab() -> None:
    red = Image.new("RGB", (8, 8), (200, 40, 30))
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(red, *profiles, outputMode="LAB")
    for image in (red.convert("HSV"), lab, packed(lab, "TIFF")):
        assert np.abs(read_color(image).astype(int) - [200, 40, 30]).max() <= 3
    assert np.ptp(read_gray(red.convert("HSV")).astype(int) - read_gray(red)) <= 2
    assert (read_gray(lab) == np.asarray(lab)[..., 0]).all()


def test_what_is_transparent_is_paper() -> None:
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (4, 8, 28, 12))
    expected = stroke(paper=255)
    assert (read_gray(packed(image)) == expected).all()
    assert (read_color(packed(image)) == expected[..., None]).all()
    palette = Image.fromarray(expected).convert("P")
    assert (read_gray(packed(palette, transparency=255)) == expected).all()


@pytest.mark.parametrize("bits", [16, 12, 10])
def test_bits_beyond_eight_are_narrowed_by_the_range_that_they_fill(bits: int) -> None:
    values = (GRAY * ((2**bits - 1) / 255)).round().astype(np.uint16)
    deep = Image.fromarray(values)
    arrays = values, values.astype(np.int64), values.astype(np.float32)
    for source in (*arrays, deep, packed(deep), packed(deep, "TIFF")):
        assert np.abs(read_gray(source).astype(int) - GRAY).max() <= 1
    if bits == 16:
        assert (read_gray(packed(deep)) == GRAY).all()
        assert (read_gray(packed(deep, "JPEG2000")) == GRAY).all()
    for channels in (2, 3, 4):
        content = deep_png(np.stack([*[values] * (channels - 1), values if channels == 3 else values * 0 + 0xFFFF], 2))
        step = 2 ** (16 - bits)  # Pillow keeps eight of the sixteen bits
        assert np.abs(read_gray(content).astype(int) - GRAY).max() <= step + 1


@pytest.mark.parametrize("kind", [bool, np.uint8, np.uint16, np.int64, np.float32])
def test_a_mask_of_0_and_1_is_black_and_white(kind: type) -> None:
    mask = stroke() > 0
    assert (read_gray(mask.astype(kind)) == stroke()).all()
    assert (read_gray(packed(Image.fromarray(mask.astype(np.uint8)))) == stroke()).all()
    assert (read_gray(np.zeros((4, 4), kind)) == 0).all()


def test_an_axis_of_one_channel_is_left_out() -> None:
    for array in (GRAY[..., None], GRAY[None], np.stack([GRAY] * 3, 2), np.stack([*[GRAY] * 3, 0 * GRAY + 255], 2)):
        assert (read_gray(array) == GRAY).all()
        assert (read_color(array) == GRAY[..., None]).all()


def test_every_way_of_handing_a_file_over(tmp_path) -> None:
    (tmp_path / "one.png").write_bytes(PNG)
    with open(tmp_path / "one.png", "rb") as file:
        for source in (str(tmp_path / "one.png"), tmp_path / "one.png", PNG, bytearray(PNG), memoryview(PNG), file):
            assert (read_gray(source) == stroke()).all()
    assert (read_gray(io.BytesIO(PNG)) == stroke()).all()


def test_of_several_images_in_a_file_the_first_counts() -> None:
    frames = [Image.fromarray(GRAY), Image.fromarray(255 - GRAY)]
    assert (read_gray(packed(frames[0], "GIF", save_all=True, append_images=frames[1:])) == GRAY).all()
    assert (read_gray(packed(frames[0], "TIFF", save_all=True, append_images=frames[1:])) == GRAY).all()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_its_camera_was_held(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = np.zeros((40, 24), np.uint8)
    upright[:8, :16] = 255
    stored = {2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.T, 6: np.rot90(upright),
              7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1)}.get(orientation, upright)  # fmt: skip
    options = {"lossless": True} if form == "WEBP" else {}
    content = packed(Image.fromarray(np.ascontiguousarray(stored)), form, exif=exif, **options)
    assert np.abs(read_gray(content).astype(int) - upright).max() < 20
    assert read_color(content).shape == (40, 24, 3)


def test_metadata_that_make_no_sense_are_passed_over() -> None:
    for odd in (b"", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff\x01\x12", b"nonsense"):
        for form in ("JPEG", "PNG", "WEBP"):
            assert read_gray(packed(Image.fromarray(stroke()), form, exif=b"Exif\0\0" + odd)).shape == (32, 32)


def test_long_texts_and_profiles_are_passed_over() -> None:
    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", "x" * 2_000_000, zip=True)
    image = Image.fromarray(stroke())
    for content in (packed(image, pnginfo=texts), packed(image, icc_profile=bytes(2_000_000))):
        with pytest.raises(ValueError, match="too large"):
            Image.open(io.BytesIO(content)).load()
        assert (read_gray(content) == stroke()).all()


@pytest.mark.parametrize("kind", ["JPEG2000", "JPEG"])
def test_few_bytes_that_a_decoder_needs_much_memory_for_are_refused(kind: str) -> None:
    """Of 81 million pixels, which are decoded from other kinds of files."""
    content = packed(
        Image.new("RGB", (9000, 9000), (9, 9, 9)), kind, **({"progressive": True} if kind == "JPEG" else {})
    )
    with pytest.raises(DataError, match=r"9000x9000 pixels in [\d,]+ bytes, as none that a page was scanned into has"):
        read_color(content)


def test_an_a3_page_at_600_dpi_is_read() -> None:
    assert read_gray(packed(Image.new("1", (7016, 9921), 1))).shape == (9921, 7016)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (b"", "is empty"),
        (b"hello", "is not a PNG, JPEG, JPEG 2000, WebP, TIFF, BMP, GIF or AVIF image: it begins with b'hello'"),
        (b" <HTML>", "AVIF image: it is a web page"),
        (b"\0\0\0\x24ftypheic", "is of a kind that is not read, HEIC: save it as JPEG or PNG"),
        (b"%PDF-1.7", "is of a kind that is not read, PDF: `kuzushiji read` reads its pages"),
        (PNG[:60], "is a damaged image"),
        (PNG[:-30] + bytes(30), "is a damaged image"),
        (packed(Image.fromarray(GRAY), "JPEG2000")[:60], "is a damaged image"),
        (packed(Image.fromarray(GRAY), "PPM"), "not read, netpbm"),
        (
            packed(Image.fromarray(GRAY.astype(np.float32) * 1000), "TIFF"),
            "from 0 to 255000; expected 0 to 1, 0 to 255",
        ),
        (packed(Image.new("1", (12000, 12000))), "12000x12000 pixels; the most that is read"),
        (packed(Image.new("1", (20000, 20000))), "has too many pixels"),
        (np.zeros((3, 0), np.uint8), r"array of shape \(3, 0\)"),
        (np.zeros(7, np.uint8), r"array of shape \(7,\)"),
        (np.zeros((2, 2, 5), np.uint8), r"array of shape \(2, 2, 5\)"),
        (np.zeros((2, 2), complex), "array of complex128"),
        (np.array([[0.0, np.nan]]), "not a number"),
        (np.array([[-1, 3]]), "values from -1 to 3"),
        (np.array([[0, 70000]]), "values from 0 to 70000"),
        (io.StringIO("text"), "opened as text"),
        (None, "is NoneType; expected a path"),
        (7, "is int; expected a path"),
    ],
)
def test_images_that_are_none(source: object, found: str) -> None:
    for read in (read_gray, read_color):
        with pytest.raises(DataError, match=found):
            read(source)
