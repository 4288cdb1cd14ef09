"""Networks with the inputs and outputs of NDL古典籍OCR-Lite that compute next to nothing."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kuzushiji.reading.ndl_files import CHARSET, LINES, TEXT

_CHARACTERS = "いろは"


def write_all(folder: Path) -> Path:
    """A network that finds a column wherever it looks, one that reads it, and what its classes are."""
    folder.mkdir(parents=True)
    boxes = np.array([[[5, 5, 20, 60, 0.9], [30, 5, 45, 60, 0.8]]], np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["none"]),
        helper.make_node("Add", ["boxes", "none"], ["dets"]),
        helper.make_node("Identity", ["kinds"], ["labels"]),
    ]
    constants = {"boxes": boxes, "nothing": np.float32(0), "kinds": np.zeros((1, 2), np.int64)}
    _write(
        folder / LINES.name, nodes, [1, 3, 64, 64], {"dets": TensorProto.FLOAT, "labels": TensorProto.INT64}, constants
    )
    nodes = [
        helper.make_node("AveragePool", ["input"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Conv", ["pooled", "channels", "bias"], ["seen"], kernel_shape=[1, 1]),
        helper.make_node("Squeeze", ["seen", "two"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["logits"], perm=[0, 2, 1]),
    ]
    chance = np.random.default_rng(0)
    channels = chance.normal(size=(len(_CHARACTERS) + 1, 3, 1, 1)).astype(np.float32)
    bias = np.array([-9, *range(len(_CHARACTERS))], np.float32)
    constants = {"channels": channels, "bias": bias, "two": np.array([2])}
    _write(folder / TEXT.name, nodes, [1, 3, 8, 32], {"logits": TensorProto.FLOAT}, constants)
    (folder / CHARSET.name).write_text(f'model:\n  charset_train: "{_CHARACTERS}"\n', encoding="utf-8")
    return folder


def _write(path: Path, nodes: list, shape: list[int], outputs: dict[str, int], constants: dict) -> None:
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
