"""Detectors in files for tests: they find dark squares of 26 pixels on pages of at most 640."""

from pathlib import Path

import numpy as np
from PIL import Image

from kuzushiji.exported import DetectorDescription
from kuzushiji.version import __version__

_SIDE, _KERNEL = 26, 28


def write_detector(path: Path, found_above: float = 0.5) -> Path:
    """Writes an exported detector: its heat is how much ink is around, its boxes are all of one size."""
    import onnx
    from onnx import TensorProto, helper

    pads = [_KERNEL // 2 - 2] * 4
    constants = {
        "none": np.zeros(1, np.float32),
        "side": np.array([0, 0, np.log(_SIDE / 4), np.log(_SIDE / 4)], np.float32).reshape(1, 4, 1, 1),
    }
    nodes = [
        helper.make_node("AveragePool", ["images"], ["around"], kernel_shape=[_KERNEL] * 2, strides=[4, 4], pads=pads),
        helper.make_node("Mul", ["around", "none"], ["nothing"]),
        helper.make_node("Concat", ["around", "nothing"], ["heat"], axis=1),
        helper.make_node("Add", ["nothing", "side"], ["boxes"]),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 1, "height", "width"])
    maps = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", count, "h", "w"])
        for name, count in (("heat", 2), ("boxes", 4))
    ]
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "squares", [images], maps, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    texts = ("", "", "", "", __version__)
    description = DetectorDescription("squares", "none", ("main", "ruby"), _SIDE, found_above, "float32", *texts)
    helper.set_model_props(model, description.to_metadata())
    onnx.save(model, path)
    return path


def write_page(path: Path, columns: int = 3, rows: int = 4) -> Path:
    """Writes a page with squares of 26 pixels as characters."""
    page = np.full((400, 320), 230, np.uint8)
    for row in range(rows):
        for column in range(columns):
            page[43 + 80 * row :][:_SIDE, 43 + 88 * column :][:, :_SIDE] = 20
    Image.fromarray(page).save(path)
    return path
