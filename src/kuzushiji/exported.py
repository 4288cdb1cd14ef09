"""An exported network: an ONNX file with its description inside, all that is needed to read with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kuzushiji.errors import DataError

if TYPE_CHECKING:
    import onnxruntime

FORMAT = "kuzushiji character network 1"
"""Stands under the key `format`; another number where an older reader would go wrong."""

INPUT = "float32 (batch, 1, height, width) from 0 to 1: ink bright on black, proportions kept, the longer side filled"


@dataclass(frozen=True)
class Description:
    """An exported network.  In the file each field is a text of its own; all but plain texts are JSON.

    Attributes:
        network: name of the architecture.
        dataset: name of the data that it was trained on.
        classes: the character of each logit.
        image_size: height and width in pixels.
        temperature: by which the logits are divided before the softmax, fitted on validation images.
        unsure_below: the probability below which its best candidate is no answer.
        precision: `float32`, `float16` or `int8`: how its weights are stored; it computes in float32.
        accuracy: share of the test images that it named right, and the ends of its 95 % interval; None if not tested.
        tested_on: number of test images.
        licence: name of the licence of the data; empty if not known.
        licence_url: its text.
        attribution: the words that the licence asks for.
        command: what trained it.
        version: of kuzushiji, that wrote the file.
    """

    network: str
    dataset: str
    classes: tuple[str, ...]
    image_size: tuple[int, int]
    temperature: float
    unsure_below: float
    precision: str
    accuracy: tuple[float, float, float] | None
    tested_on: int
    licence: str
    licence_url: str
    attribution: str
    command: str
    version: str

    def to_metadata(self) -> dict[str, str]:
        """The texts that stand in the file."""
        texts = {"format": FORMAT, "input": INPUT, "input_names": "images", "output_names": "logits embedding"}
        for name, value in vars(self).items():
            texts[name] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return texts

    @classmethod
    def from_metadata(cls, texts: Mapping[str, str]) -> "Description":
        """Reads what `to_metadata` gave.

        Raises:
            DataError: the texts are those of something else, or contradict each other.
        """
        if texts.get("format") != FORMAT:
            found = f"its format is {texts['format']!r}" if "format" in texts else "it does not name its format"
            raise DataError(f"was not written by `kuzushiji export`: {found}, expected {FORMAT!r}")
        try:
            values: dict[str, Any] = {
                field.name: texts[field.name] if field.type is str else json.loads(texts[field.name])
                for field in fields(cls)
            }
            values["classes"], values["image_size"] = tuple(values["classes"]), tuple(values["image_size"])
            values["accuracy"] = values["accuracy"] and tuple(values["accuracy"])
            described = cls(**values)
            height, width = described.image_size
            sound = height > 0 and width > 0 and len(described.classes) > 1 and all(map(_is_text, described.classes))
            sound = sound and isfinite(described.temperature) and described.temperature > 0
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"describes itself in a way that makes no sense ({error!r}); export it again") from None
        if not sound:
            raise DataError("describes itself in a way that makes no sense; export it again")
        return described


def open_network(path: Path, threads: int = 1) -> "tuple[Description, onnxruntime.InferenceSession]":
    """Opens an exported file.

    Raises:
        DataError: it is missing, truncated or not one that `kuzushiji export` wrote.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what goes wrong is told by our own errors
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}") from None
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a kind for each way in which a file can be wrong
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is no ONNX file, or not a whole one ({reason})") from None
    try:
        description = Description.from_metadata(session.get_modelmeta().custom_metadata_map)
    except DataError as error:
        raise DataError(f"{path} {error}") from None
    inputs = {each.name: each.shape[1:] for each in session.get_inputs()}
    outputs = {each.name: each.shape[1:] for each in session.get_outputs()}
    if inputs != {"images": [1, *description.image_size]} or outputs.get("logits") != [len(description.classes)]:
        raise DataError(f"{path} contradicts its own description: it takes {inputs} and gives {outputs}")
    return description, session


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
