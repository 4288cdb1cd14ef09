"""Images and labels in parquet files."""

import io
import json
from argparse import Namespace

import numpy as np
import pytest
from PIL import Image

from kuzushiji.data.files.parquet_pages import unpacked_sizes
from kuzushiji.data.source import load, parse
from kuzushiji.errors import DataError, DataWarning
from tests.bars import bar_images

pa = pytest.importorskip("pyarrow", reason="pyarrow, of the extra parquet, is not installed")
pq = pytest.importorskip("pyarrow.parquet")


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write(path, images, labels, *, names=None, image="image", label="label", as_struct=True):
    """A parquet file as Hugging Face's `datasets` writes it, its schema with the features where classes have names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = [png(each) for each in images]
    column = [{"bytes": each, "path": None} for each in content] if as_struct else content
    table = pa.table({image: column, label: labels})
    if names:
        features = {image: {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path)


@pytest.fixture
def bars():
    """40 images of 12 x 12 pixels in four classes, and their labels."""
    images, labels = bar_images(40)
    return Namespace(images=images, labels=labels.astype(np.int64))


def test_comes_back_as_it_was(tmp_path, bars):
    data = bars
    names = ["あ", "い", "う", "え"]
    write(tmp_path / "data" / "train-00000-of-00002.parquet", data.images[:20], data.labels[:20].tolist(), names=names)
    write(
        tmp_path / "data" / "train-00001-of-00002.parquet", data.images[20:30], data.labels[20:30].tolist(), names=names
    )
    write(tmp_path / "data" / "test-00000-of-00001.parquet", data.images[30:], data.labels[30:].tolist(), names=names)
    assert parse(tmp_path).splits == ("train", "test")
    train, test = load(tmp_path, "train"), load(tmp_path, "test")
    np.testing.assert_array_equal(train.images, data.images[:30])
    np.testing.assert_array_equal(train.labels, data.labels[:30])
    np.testing.assert_array_equal(test.images, data.images[30:])
    assert train.classes == test.classes == tuple(names)
    assert set(train.source) == {
        "data/train-00000-of-00002.parquet",
        "data/train-00001-of-00002.parquet",
        "data/test-00000-of-00001.parquet",
    }
    assert load(tmp_path, "test", image_size=24).images.shape == (10, 24, 24)


def test_labels_may_be_the_characters_themselves_and_images_plain_bytes(tmp_path, bars):
    characters = np.array(["す", "お", "き", "つ"])[bars.labels].tolist()
    characters[0] = None
    write(tmp_path / "train.parquet", bars.images, characters, image="img", label="character", as_struct=False)
    with pytest.warns(DataWarning, match="has 1 images without a label"):
        train = load(tmp_path, "train")
    assert train.classes == ("お", "き", "す", "つ")
    assert [train.classes[label] for label in train.labels] == characters[1:]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": ["a"], "label": [1]}, "expected one of images and one of labels"),
        ({"image": [b"no image"], "label": [0]}, r"train\.parquet, row 0 in"),
        ({"image": [{"bytes": None, "path": "/etc/passwd"}], "label": [0]}, "expected it in the file itself"),
        ({"image": [b"x"], "label": [-1]}, "has no image with a label"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, columns, message):
    pq.write_table(pa.table(columns), tmp_path / "train.parquet")
    with pytest.raises(DataError, match=message):
        load(tmp_path, "train")


def test_damaged_files_are_named(tmp_path, bars):
    write(tmp_path / "train.parquet", bars.images, bars.labels.tolist())
    whole = (tmp_path / "train.parquet").read_bytes()
    for content in (b"PAR1", whole[:-20], b"", whole[:100] + bytes(200) + whole[300:]):
        (tmp_path / "train.parquet").write_bytes(content)
        with pytest.raises(DataError, match=r"train\.parquet"):
            load(tmp_path, "train")


def test_a_label_beyond_the_classes_is_refused(tmp_path, bars):
    write(tmp_path / "train.parquet", bars.images, bars.labels.tolist(), names=["あ", "い"])
    with pytest.raises(DataError, match="but there are 2 classes"):
        load(tmp_path, "train")


def test_more_rows_than_a_file_can_have_are_refused(tmp_path):
    """A few bytes that stand for the same image again and again."""
    count = 200_000
    image = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([png(np.zeros((8, 8), "u1"))]))
    table = pa.table({"image": image.cast(pa.binary()), "label": np.zeros(count, np.int8)})
    pq.write_table(table, tmp_path / "train.parquet")
    with pytest.raises(DataError, match=r"has 200,000 rows in [\d,]+ bytes, which is damage, or made to fill"):
        load(tmp_path)


def test_an_image_that_stands_for_too_much_is_refused_before_it_fills_the_memory(tmp_path):
    image = np.random.default_rng(0).bytes(1_000_000)
    same = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1000, np.int32)), pa.array([image]))
    table = pa.table({"image": same.cast(pa.binary()), "label": ["あ"] * 1000})
    pq.write_table(table, tmp_path / "train.parquet")
    with pytest.raises(DataError, match=r"has more than 268,435,456 bytes unpacked, which is damage, or made to fill"):
        load(tmp_path)


def test_a_column_with_fewer_images_than_labels_is_damage(tmp_path, bars, monkeypatch):
    """What damage makes of a column, here cut short by hand."""
    write(tmp_path / "train.parquet", bars.images, bars.labels.tolist())
    whole = pq.ParquetFile.iter_batches

    def short(file, size, columns):
        return (batch[:10] if columns == ["image"] else batch for batch in whole(file, size, columns=columns))

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", short)
    with pytest.raises(DataError, match=r"train\.parquet is damaged \(its column image has 10 rows, and label"):
        load(tmp_path)


def test_a_page_that_is_larger_than_the_file_says_is_refused(tmp_path):
    """The sizes in the footer of the file, and not those in the heads of its pages, are made small."""
    path = tmp_path / "train.parquet"
    table = pa.table({"image": [bytes(300_000_000)], "label": ["あ"]})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False, store_schema=False)
    group = pq.read_metadata(path).row_group(0)
    content = bytearray(path.read_bytes())
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    for size in (group.total_byte_size, group.column(0).total_uncompressed_size):
        content[footer:] = content[footer:].replace(varint(size), varint(1000, len(varint(size))))
    path.write_bytes(content)
    assert pq.read_metadata(path).row_group(0).total_byte_size == 1000
    with pytest.raises(DataError, match="has more than 268,435,456 bytes unpacked"):
        load(tmp_path)


def varint(number, length=0):
    """A whole number as Thrift writes it, in so many bytes at least."""
    left, found = 2 * number, []
    while left >= 128 or len(found) + 1 < length:
        found.append(left % 128 + 128)
        left //= 128
    return bytes([*found, left])


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"use_dictionary": False, "compression": "zstd", "data_page_version": "2.0"},
        {"compression": "none", "write_statistics": False, "data_page_size": 1000},
        {"write_page_checksum": True, "write_page_index": True, "row_group_size": 30},
    ],
)
def test_pages_tell_their_sizes_whoever_wrote_them(tmp_path, how):
    path = tmp_path / "any.parquet"
    words = [str(number) * 300 for number in range(500)]
    pq.write_table(pa.table({"word": words, "number": range(500), "many": [[1, 2]] * 500}), path, **how)
    metadata = pq.read_metadata(path)
    for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
        for chunk in (group.column(number) for number in range(group.num_columns)):
            starts = (chunk.dictionary_page_offset, chunk.data_page_offset)
            start = min(each for each in starts if each is not None)
            with open(path, "rb") as file:
                sizes = list(unpacked_sizes(file, start, chunk.total_compressed_size))
            heads = chunk.total_uncompressed_size - sum(sizes)
            assert 10 * len(sizes) <= heads <= 4000 * len(sizes)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x15", b"\x00", b"\x1b" * 99, b"\x1c" * 99, b"\x19\xf8" + b"\xff" * 9, b"\x15\x00\x15\x01\x15\x01\x00"],
    ids=["none", "cut", "nothing", "a map", "deep", "long", "negative"],
)
def test_what_is_no_page_is_said(content):
    with pytest.raises(ValueError, match="page"):
        list(unpacked_sizes(io.BytesIO(content), 0, 100))
