"""An exported network: an ONNX file with its description inside, all that is needed to read with it."""

import json
import shlex
from ast import literal_eval
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kuzushiji.errors import DataError, in_a_line
from kuzushiji.protobuf import is_broken, operators
from kuzushiji.records import parse_json

if TYPE_CHECKING:
    import onnxruntime

FORMAT = "kuzushiji character network 1"
"""Stands under the key `format`; another number where an older reader would go wrong."""

INPUT = "float32 (batch, 1, height, width) from 0 to 1: ink bright on black, proportions kept, the longer side filled"


Described = TypeVar("Described", "Description", "DetectorDescription")


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
        options: of the network, as `create_model` takes them; of a file that does not tell them, those of its command.
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
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_metadata(self) -> dict[str, str]:
        """The texts that stand in the file."""
        names = {"input_names": "images", "output_names": "logits embedding"}
        return {"format": FORMAT, "input": INPUT, **names, **_as_texts(self)}

    @classmethod
    def from_metadata(cls, texts: Mapping[str, str]) -> "Description":
        """Reads what `to_metadata` gave.

        Raises:
            DataError: the texts are those of something else, or contradict each other.
        """
        _check_format(texts, FORMAT)
        try:
            values = _from_texts(cls, texts)
            values["classes"], values["image_size"] = tuple(values["classes"]), tuple(values["image_size"])
            values["accuracy"] = values["accuracy"] and tuple(values["accuracy"])
            if "options" not in values:
                values["options"] = options_in(values["command"])
            described = cls(**values)
            height, width = described.image_size
            sound = height > 0 and width > 0 and len(described.classes) > 1 and all(map(_is_text, described.classes))
            sound = sound and isfinite(described.temperature) and described.temperature > 0
            sound = sound and isfinite(described.unsure_below) and isinstance(described.options, dict)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"describes itself in a way that makes no sense ({error!r}); export it again") from None
        if not sound:
            raise DataError("describes itself in a way that makes no sense; export it again")
        return described


DETECTOR_FORMAT = "kuzushiji detector 1"

DETECTOR_INPUT = "float32 (batch, 1, height, width) from 0 to 1: ink bright on black, both sides multiples of 32"


@dataclass(frozen=True)
class DetectorDescription:
    """An exported detector, written in its file as `Description` is.

    Attributes:
        network: name of the architecture.
        dataset: the pages that it was trained on.
        roles: what each heat map finds, such as `main` and `ruby`.
        character_size: usual side in pixels of the characters on what it is shown.
        found_above: a character stands where a heat map has more than this.
        precision: `float32`, `float16` or `int8`: how its weights are stored; it computes in float32.
        licence, licence_url, attribution, command, version: as in `Description`.
        width, depth: of the network, as `Detector` takes them.
    """

    network: str
    dataset: str
    roles: tuple[str, ...]
    character_size: int
    found_above: float
    precision: str
    licence: str
    licence_url: str
    attribution: str
    command: str
    version: str
    width: int = 32
    depth: int = 2

    def to_metadata(self) -> dict[str, str]:
        """The texts that stand in the file."""
        names = {"input_names": "images", "output_names": "heat boxes"}
        return {"format": DETECTOR_FORMAT, "input": DETECTOR_INPUT, **names, **_as_texts(self)}

    @classmethod
    def from_metadata(cls, texts: Mapping[str, str]) -> "DetectorDescription":
        """Reads what `to_metadata` gave.

        Raises:
            DataError: the texts are those of something else, or contradict each other.
        """
        _check_format(texts, DETECTOR_FORMAT)
        try:
            values = _from_texts(cls, texts)
            values = _sizes_in(values["command"]) | values
            described = cls(**{**values, "roles": tuple(values["roles"])})
            sound = len(described.roles) > 0 and all(map(_is_text, described.roles))
            sound = sound and described.character_size > 0 and 0 < described.found_above < 1
            sound = sound and described.width > 0 and described.depth > 0
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"describes itself in a way that makes no sense ({error!r}); export it again") from None
        if not sound:
            raise DataError("describes itself in a way that makes no sense; export it again")
        return described


OPERATORS = frozenset(
    (
        *("Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "Conv", "Div", "Expand"),
        *("Gemm", "Identity", "MatMul", "MaxPool", "Mul", "Pad", "ReduceL2", "ReduceMax", "ReduceMean", "Relu"),
        *("Reshape", "Resize", "Shape", "Sigmoid", "Slice", "Softmax", "Squeeze", "Sub", "Tanh", "Transpose"),
        *("Unsqueeze",),
    )
)
"""What an exported network may be made of: nothing that goes round or asks, and nothing that makes much of little."""


def open_network(path: Path, threads: int = 1) -> "tuple[Description, onnxruntime.InferenceSession]":
    """Opens an exported file.

    Raises:
        DataError: it is missing, truncated or not one that `kuzushiji export` wrote.
    """
    description, session = _opened(path, threads, Description)
    inputs, outputs = _shapes(session)
    if inputs != {"images": [1, *description.image_size]} or outputs.get("logits") != [len(description.classes)]:
        raise _contradicted(path, inputs, outputs)
    return description, session


def open_detector(path: Path, threads: int = 1) -> "tuple[DetectorDescription, onnxruntime.InferenceSession]":
    """Opens an exported detector.

    Its session turns `images` into `heat` (batch, roles, h, w), probabilities, and `boxes` (batch, 4, h, w), as
    `kuzushiji.reading.detector` decodes them.

    Raises:
        DataError: it is missing, truncated or not one that `kuzushiji export` wrote.
    """
    description, session = _opened(path, threads, DetectorDescription)
    inputs, outputs = _shapes(session)
    expected = {"heat": len(description.roles), "boxes": 4}
    if list(inputs) != ["images"] or {name: shape[0] for name, shape in outputs.items()} != expected:
        raise _contradicted(path, inputs, outputs)
    return description, session


_BRANCHING = {"If", "Loop", "Scan", "SequenceMap"}
"""Operators with a graph within, which may go round as often as they like."""


def open_session(
    path: Path, threads: int = 1, *, ours: bool = False, trusted: bool = False
) -> "onnxruntime.InferenceSession":
    """Opens any ONNX file, to be computed on the processor; it can neither read other files nor go round for ever.

    Args:
        ours: whether it must be made of what `kuzushiji export` writes.
        trusted: whether it is known by its hash, and may do what it likes.

    Raises:
        DataError: it is missing or truncated, or is made of something else.
    """
    import onnxruntime

    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}") from None
    if is_broken(content):
        raise DataError(f"{path} is damaged: its checksum is another; export it again")
    try:
        found = set() if trusted else operators(content)
    except ValueError as error:
        raise DataError(f"{path} is no ONNX file, or not a whole one ({error})") from None
    if ours and (unknown := found - OPERATORS):
        raise DataError(
            f"{path} was not written by `kuzushiji export`: it computes {', '.join(sorted(unknown))[:99]!r}"
        )
    if branching := found & _BRANCHING:
        raise DataError(f"{path} computes {', '.join(sorted(branching))}, which may never end, and is not as published")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what goes wrong is told by our own errors
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a kind for each way in which a file can be wrong
        raise DataError(f"{path} is no ONNX file, or not a whole one ({in_a_line(error)})") from None


def computed(session: "onnxruntime.InferenceSession", outputs: list[str] | None, images: Any, path: Path) -> list[Any]:
    """What a network gives for images.

    Raises:
        DataError: it can't compute them: it is damaged, or another than it says.
    """
    try:
        return list(session.run(outputs, {session.get_inputs()[0].name: images}))
    except Exception as error:  # ONNX Runtime has a kind for each way in which a network can fail
        raise DataError(f"{path} can't be computed ({in_a_line(error)})") from None


def _opened(path: Path, threads: int, kind: type[Described]) -> "tuple[Described, onnxruntime.InferenceSession]":
    session = open_session(path, threads, ours=True)
    try:
        return kind.from_metadata(session.get_modelmeta().custom_metadata_map), session
    except DataError as error:
        raise DataError(f"{path} {error}") from None


def _shapes(session: "onnxruntime.InferenceSession") -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
    """Of inputs and outputs, but for the batch."""
    inputs = {each.name: each.shape[1:] for each in session.get_inputs()}
    return inputs, {each.name: each.shape[1:] for each in session.get_outputs()}


def _contradicted(path: Path, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> DataError:
    return DataError(f"{path} contradicts its own description: it takes {inputs} and gives {outputs}")


def _as_texts(description: Any) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in vars(description).items()
    }


def _from_texts(kind: Any, texts: Mapping[str, str]) -> dict[str, Any]:
    """The fields; of those that older files do not have, none that is not there."""
    return {
        each.name: texts[each.name] if each.type is str else parse_json(texts[each.name])
        for each in fields(kind)
        if each.name in texts or (each.default is MISSING and each.default_factory is MISSING)
    }


def options_in(command: str) -> dict[str, Any]:
    """The options of a network that a command says: `--option width=48` as `{"width": 48}`.

    Raises:
        ValueError: it is no command.
    """
    return dict(map(parsed_option, _said(command, "option")))


def parsed_option(text: str) -> tuple[str, Any]:
    """`width=32` as `("width", 32)`.

    Raises:
        ValueError: it is no such thing.
    """
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ValueError(f"{text!r} is not NAME=VALUE")
    try:
        return name, literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def _sizes_in(command: str) -> dict[str, int]:
    """The width and depth of a detector that a command says."""
    return {name: int(value) for name in ("width", "depth") for value in _said(command, name)}


def _said(command: str, option: str) -> list[str]:
    """The values of an option in a command, in their order."""
    words = shlex.split(command)
    return [value for word, value in pairwise(words) if word == f"--{option}"]


def _check_format(texts: Mapping[str, str], expected: str) -> None:
    if texts.get("format") != expected:
        found = f"its format is {texts['format']!r}" if "format" in texts else "it does not name its format"
        raise DataError(f"was not written by `kuzushiji export`: {found}, expected {expected!r}")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
