"""`CharacterImages` as a data set of Hugging Face's `datasets`, from there to parquet files or the hub."""

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.data.images import CharacterImages
from kuzushiji.extras import check_extras

if TYPE_CHECKING:
    from datasets import Dataset


def as_huggingface(data: CharacterImages) -> "Dataset":
    """See `CharacterImages.to_huggingface`."""
    check_extras("datasets")
    import datasets

    features = datasets.Features(
        image=datasets.Image(), label=datasets.ClassLabel(names=list(data.classes)), id=datasets.Value("int64")
    )
    columns = {
        "image": [{"bytes": _png(image), "path": None} for image in data.images],
        "label": data.labels,
        "id": data.ids,
    }
    description = " ".join([f"{data.name}, {data.split}.", *data.notes])
    info = datasets.DatasetInfo(description=description, features=features)
    split = None if data.split == "all" else datasets.NamedSplit(data.split)
    return datasets.Dataset.from_dict(columns, features=features, info=info, split=split)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
