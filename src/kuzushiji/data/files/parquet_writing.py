"""Images and labels written as parquet files, as Hugging Face's `datasets` writes them and its hub shows them."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from kuzushiji.data.images import CharacterImages
from kuzushiji.extras import check_extras

_LARGEST = 2**29
"""Bytes of pixels in one file; as PNG they are fewer."""

_AT_ONCE = 1000
"""Rows of a group, which is what is read at least to show one of them."""


def write_parquet(folder: Path, data: CharacterImages, told: Callable[[int], None] = lambda count: None) -> None:
    """Writes one split, so that a `ParquetFiles` reads it: PNG in a column `image`, numbers with names in `label`.

    Args:
        folder: gets `data/SPLIT-00000-of-00001.parquet`, and more such files where the images are many.
        told: gets how many images have been written since it was last called.

    Raises:
        KuzushijiError: pyarrow is not installed.
        OSError: a file could not be written.
    """
    check_extras("parquet")
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    features = {"image": {"_type": "Image"}, "label": {"names": list(data.classes), "_type": "ClassLabel"}}
    image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    schema = pa.schema({"image": image, "label": pa.int64()}).with_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    (folder / "data").mkdir(parents=True, exist_ok=True)
    count = -(-data.images.nbytes // _LARGEST) or 1
    for number, rows in enumerate(np.array_split(np.arange(len(data)), count)):
        path = folder / "data" / f"{data.split}-{number:05d}-of-{count:05d}.parquet"
        with open(path, "wb") as file, ParquetWriter(file, schema) as writer:
            for start in range(0, len(rows), _AT_ONCE):
                some = rows[start : start + _AT_ONCE]
                images = [{"bytes": _png(data.images[row]), "path": None} for row in some]
                writer.write_table(pa.table({"image": images, "label": data.labels[some]}, schema=schema))
                told(len(some))


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
