"""Images and labels in parquet files."""

import io
import json
from argparse import Namespace

import numpy as np
import pytest
from PIL import Image

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
