"""Whether small inputs that unpack to much, or never end, take much memory or time.

    python benchmarks/reliability/bounds.py [KIND]

Makes inputs of under 5 MB, and gives each to a process of its own.  Wrong is one that takes over 1 GB of memory or 20
seconds of the processor's time, or that does not end, or ends in a traceback.
"""

import gzip
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from counted import tell
from PIL import Image

MUCH = 5 << 28
MOST_MEGABYTES, MOST_SECONDS = 1000, 20

LOAD = "import sys; from kuzushiji.data.source import load; load(sys.argv[1])"
LOAD_SMALL = "import sys; from kuzushiji.data.source import load; load(sys.argv[1], image_size=32)"
READ = "import sys; from kuzushiji.imaging.read import read_color; read_color(sys.argv[1])"
RECOGNIZE = "import sys; from kuzushiji.cli import main; sys.exit(main(['recognize', sys.argv[1]]))"
STUDY = "import sys; from kuzushiji.cli import main; sys.exit(main(['study', sys.argv[1]]))"
RUN = "import sys; from kuzushiji.runs.run import Run; Run(__import__('pathlib').Path(sys.argv[1])).predictions()"


def png(width: int, height: int) -> bytes:
    """A white image."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    packed, row = zlib.compressobj(1), b"\0" + b"\xff" * width
    data = b"".join(packed.compress(row) for _ in range(height)) + packed.flush()
    head = width.to_bytes(4) + height.to_bytes(4) + b"\x08\0\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def npy_of_zeros(count: int) -> bytes:
    """The beginning of an npy file of so many bytes."""
    head = str({"descr": "|u1", "fortran_order": False, "shape": (count,)}).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head


def zipped(path: Path, name: str, beginning: bytes, zeros: int) -> None:
    """A zip with one member, which ends in many zeros."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(name, "w", force_zip64=True) as file,
    ):
        file.write(beginning)
        for _ in range(zeros >> 24):
            file.write(bytes(1 << 24))


def wide(folder: Path) -> tuple[str, Path]:
    """A PNG of 60000 x 1."""
    (folder / "wide.png").write_bytes(png(60_000, 1))
    return RECOGNIZE, folder / "wide.png"


def large(folder: Path) -> tuple[str, Path]:
    """A PNG of as many pixels as are read."""
    (folder / "large.png").write_bytes(png(10_950, 10_950))
    return READ, folder / "large.png"


def _saved(folder: Path, name: str, mode: str, side: int, **options: Any) -> tuple[str, Path]:
    image = Image.new(mode, (side, side), 3 if len(mode) == 1 or mode == "I;16" else tuple(range(40, 40 + len(mode))))
    image.save(folder / name, **options)
    return READ, folder / name


def transparent(folder: Path) -> tuple[str, Path]:
    """A transparent PNG of as many pixels as are read."""
    return _saved(folder, "large.png", "RGBA", 10_950)


def deep(folder: Path) -> tuple[str, Path]:
    """A PNG of 16 bits of as many pixels as are read."""
    return _saved(folder, "large.png", "I;16", 10_950)


def wavelets(folder: Path) -> tuple[str, Path]:
    """A JPEG 2000 of as many pixels as are read of other kinds."""
    return _saved(folder, "large.jp2", "RGB", 10_950)


def progressive(folder: Path) -> tuple[str, Path]:
    """A progressive JPEG of as many pixels as are read of other kinds."""
    return _saved(folder, "large.jpg", "RGB", 10_950, progressive=True, subsampling=0)


def printed(folder: Path) -> tuple[str, Path]:
    """A TIFF of four inks of 60 million pixels in one strip."""
    return _saved(folder, "large.tif", "CMYK", 7_700, compression="tiff_adobe_deflate", tiffinfo={278: 7_700})


def too_large(folder: Path) -> tuple[str, Path]:
    """A PNG of more pixels than are read."""
    (folder / "large.png").write_bytes(png(16_000, 16_000))
    return READ, folder / "large.png"


def arrays(folder: Path) -> tuple[str, Path]:
    """An npz of images that unpacks to 1.3 GB."""
    zipped(folder / "k-train-labels.npz", "arr_0.npy", npy_of_zeros(MUCH), MUCH)
    shutil.copy(folder / "k-train-labels.npz", folder / "k-train-imgs.npz")
    return LOAD, folder


def nearly(folder: Path) -> tuple[str, Path]:
    """An npz of images that unpacks to nearly 100 times its size, dark on bright, so that it is inverted."""
    side, count = 28, 600_000
    chance = np.random.default_rng(0)
    dots = np.full((count, side, side), 255, np.uint8)
    dots.reshape(-1)[chance.integers(0, dots.size, 2_300_000)] = 0
    np.savez_compressed(folder / "k-train-imgs.npz", dots)
    np.savez_compressed(folder / "k-train-labels.npz", np.zeros(count, np.uint8))
    return LOAD, folder


def rows(folder: Path) -> tuple[str, Path]:
    """A parquet file of 50 million rows, all of the same image."""
    import pyarrow as pa
    from pyarrow import parquet

    file, count = io.BytesIO(), 1_000_000
    Image.new("L", (12, 12), 200).save(file, "PNG")
    same = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([file.getvalue()]))
    table = pa.table({"image": same.cast(pa.binary()), "label": np.zeros(count, np.int8)})
    with parquet.ParquetWriter(folder / "train.parquet", table.schema) as writer:
        for _ in range(50):
            writer.write_table(table)
    return LOAD, folder


def blank(folder: Path) -> tuple[str, Path]:
    """A zip of 3.4 MB with two thousand white images of 64 million pixels each."""
    white = png(8000, 8000)
    with zipfile.ZipFile(folder / "blank.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(2000):
            archive.writestr(f"{'おか'[number % 2]}/{number}.png", white)
    return LOAD_SMALL, folder / "blank.zip"


def blank_pages(folder: Path) -> tuple[str, Path]:
    """A zip of 1.7 MB with a thousand white pages of 64 million pixels each."""
    white, lines = png(8000, 8000), ["image_id,labels"]
    with zipfile.ZipFile(folder / "pages.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(1000):
            archive.writestr(f"train_images/{number}.png", white)
            lines.append(f"{number},U+304A 10 10 50 50")
        archive.writestr("train.csv", "\n".join(lines))
    return LOAD_SMALL, folder / "pages.zip"


def same(folder: Path) -> tuple[str, Path]:
    """A parquet file of a hundred thousand rows, all of the same image of a megabyte."""
    import pyarrow as pa
    from pyarrow import parquet

    file, count = io.BytesIO(), 100_000
    Image.fromarray(np.random.default_rng(0).integers(256, size=(1000, 1000), dtype=np.uint8)).save(file, "PNG")
    same = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([file.getvalue()]))
    table = pa.table({"image": same, "label": np.zeros(count, np.int8)})
    parquet.write_table(table, folder / "train.parquet", store_schema=False, write_statistics=False)
    return LOAD, folder


def understated(folder: Path) -> tuple[str, Path]:
    """A parquet file with a page of 1.3 GB, of which the file says elsewhere that it is small."""
    import pyarrow as pa
    from pyarrow import parquet

    path = folder / "train.parquet"
    how = {"compression": "zstd", "use_dictionary": False, "write_statistics": False, "store_schema": False}
    parquet.write_table(pa.table({"image": [bytes(MUCH)], "label": ["a"]}), path, **how)
    group, content = parquet.read_metadata(path).row_group(0), path.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    said = content[footer:]
    for size in (group.total_byte_size, group.column(0).total_uncompressed_size):
        digits = [2 * size >> shift & 127 | 128 * (shift < 28) for shift in range(0, 35, 7)]
        said = said.replace(bytes(digits), b"\xd0\x8f\x80\x80\x00")  # 1000 in as many bytes
    path.write_bytes(content[:footer] + said)
    assert parquet.read_metadata(path).row_group(0).total_byte_size == 1000
    return LOAD, folder


def packed_idx(folder: Path) -> tuple[str, Path]:
    """A gzipped IDX file of labels that unpacks to 1.3 GB."""
    for kind, head in (("images-idx3", b"\0\0\x08\x03"), ("labels-idx1", b"\0\0\x08\x01")):
        with gzip.open(folder / f"train-{kind}-ubyte.gz", "wb", compresslevel=1) as file:
            file.write(head + MUCH.to_bytes(4) + (1).to_bytes(4) * 2 * (kind == "images-idx3"))
            for _ in range(MUCH >> 24 if kind == "labels-idx1" else 1):
                file.write(bytes(1 << 24))
    return LOAD, folder


def pages(folder: Path) -> tuple[str, Path]:
    """A zip of pages whose table unpacks to 1.3 GB."""
    zipped(folder / "pages.zip", "train.csv", b"image_id,labels\n", MUCH)
    return LOAD, folder / "pages.zip"


def run(folder: Path) -> tuple[str, Path]:
    """A run whose predictions unpack to 1.3 GB."""
    zipped(folder / "predictions.npz", "logits.npy", npy_of_zeros(MUCH), MUCH)
    return RUN, folder


def device(folder: Path) -> tuple[str, Path]:
    """A folder of class folders, of which one file is a link to /dev/zero."""
    (folder / "U+304A").mkdir()
    (folder / "U+304A" / "1.png").symlink_to("/dev/zero")
    return LOAD, folder


def pipe(folder: Path) -> tuple[str, Path]:
    """A folder of images, of which one is a pipe that nobody writes into."""
    os.mkfifo(folder / "1.png")
    return RECOGNIZE, folder


def endless(folder: Path) -> tuple[str, Path]:
    """A link to /dev/zero in the place of an image."""
    (folder / "1.png").symlink_to("/dev/zero")
    return READ, folder / "1.png"


def combinations(folder: Path) -> tuple[str, Path]:
    """A study with 10^8 combinations."""
    (folder / "mine.toml").write_text(
        'title = "t"\nquestion = "q"\n[shared]\nmodel = "nn_1"\n[grid]\n'
        + "".join(f"{name} = {json.dumps([n / 1000 for n in range(1, 101)])}\n" for name in ("lr", "ema", "swa", "sam"))
    )
    return STUDY, folder / "mine.toml"


def seeds(folder: Path) -> tuple[str, Path]:
    """A study with 10^8 seeds."""
    (folder / "mine.toml").write_text(
        'title = "t"\nquestion = "q"\nseeds = 100000000\n[[trials]]\nmodel = "nn_1"\nlabel = "a"\n'
        '[[trials]]\nmodel = "nn_2"\nlabel = "b"\n'
    )
    return STUDY, folder / "mine.toml"


def table(folder: Path) -> tuple[str, Path]:
    """A page as JSON that is nested 2 million deep."""
    (folder / "page.json").write_bytes(b'{"format": ' + b"[" * 2_000_000)
    return "import sys; from kuzushiji.document.page import Page; Page.load(sys.argv[1])", folder / "page.json"


KINDS: tuple[Callable[[Path], tuple[str, Path]], ...] = (
    *(wide, large, transparent, deep, wavelets, progressive, printed, too_large),
    *(arrays, nearly, packed_idx, pages, run, rows, blank, blank_pages, same, understated),
    *(device, pipe, endless, combinations, seeds, table),
)


def wrong(script: str, path: Path) -> str:
    """What a process that read a path took, and whether that was too much."""
    reading = (
        "import sys\nfrom kuzushiji.errors import KuzushijiError\ncode = 0\n"
        f"try:\n    exec({script!r})\nexcept KuzushijiError as error:\n    print(error, file=sys.stderr)\n"
        "except SystemExit as ended:\n    code = ended.code\n"
        "finally:\n    held = [line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')]\n"
        "    print(int(held[0]) >> 10)\n"
        "sys.exit(code if code in (0, 1, 2) else 9)\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        [sys.executable, "-c", reading, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        out, err = process.communicate(timeout=20 * MOST_SECONDS)  # there may be others at work
    except subprocess.TimeoutExpired:
        process.kill()
        return "did not end"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    megabytes = int(out.split()[-1]) if out.split() else 0
    took = f"{megabytes:,} MB, {seconds:.1f} s"
    if process.returncode not in (0, 1, 2) or "Traceback" in err:
        return f"{took}: {err.strip()[-200:]}"
    return took if megabytes > MOST_MEGABYTES or seconds > MOST_SECONDS else ""


def main() -> int:
    """Prints a line for each input that takes too much; exits with 1 if there is one."""
    kinds = [make for make in KINDS if make.__name__ in sys.argv[1:] or not sys.argv[1:]]
    found = 0
    for make in kinds:
        with tempfile.TemporaryDirectory() as scratch:
            os.environ["KUZUSHIJI_HOME"] = f"{scratch}/home"
            folder = Path(scratch, "input")
            folder.mkdir()
            if why := wrong(*make(folder)):
                found += 1
                print(f"{(make.__doc__ or '').rstrip('.')}: {why}", flush=True)
    return tell("small inputs that unpack to much, or never end", len(kinds), found)


if __name__ == "__main__":
    sys.exit(main())
