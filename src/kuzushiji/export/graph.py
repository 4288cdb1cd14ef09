"""A network as ONNX, and its weights in fewer bits."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime
import onnxscript  # noqa: F401  (what PyTorch's exporter needs is asked for here, where a missing one is told by name)
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from kuzushiji.errors import RunError, UsageError
from kuzushiji.interruption import interruptible
from kuzushiji.models.network import Network
from kuzushiji.protobuf import sealed

PRECISIONS = ("float32", "float16", "int8")
"""How weights can be stored.  Whatever they are stored in, the network computes in float32, which on a CPU is as fast
or faster: ONNX Runtime widens them once, when it opens the file."""

CHECKED_BATCHES = (1, 2, 7)
TOLERANCE = 1e-4
"""By how much logits may differ from the network's, as a share of the greatest of them."""

_FEW = 1024
"""Smaller tensors stay in float32: they save nothing and may be scales or offsets."""


class _LogitsAndEmbedding(nn.Module):
    """A network of ours that gives its embedding besides."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        if isinstance(self.network, Network):
            embedding = self.network.features(images)
            return self.network.head(embedding), embedding
        # What both have in common is computed twice here, but once in what becomes of it.
        return self.network(images), self.network.features(images)  # type: ignore[operator]


def to_onnx(network: nn.Module, image_size: tuple[int, int]) -> onnx.ModelProto:
    """The network as ONNX: `images` float32 (batch, 1, H, W) -> `logits` (batch, C) and `embedding` (batch, D).

    The batch is of any size.  What was computed is compared with the network at batches of 1, 2 and 7.

    Args:
        network: keeps the contract of `kuzushiji.models`, and has weights rather than fitted values.
        image_size: height and width of the images.

    Raises:
        RunError: ONNX Runtime gives something else than the network.
    """
    both = _LogitsAndEmbedding(network).eval()
    batch = torch.export.Dim("batch", min=1, max=2**20)
    model = traced(both, torch.zeros(2, 1, *image_size), ["logits", "embedding"], {0: batch})
    _check(model, both, image_size)
    return model


def traced(network: nn.Module, images: Tensor, outputs: Sequence[str], free: Mapping[int, Any]) -> onnx.ModelProto:
    """A network as ONNX, with no names of what it was made from.

    Args:
        network: what is exported.
        images: float32 (N, 1, H, W), anything of that shape; the input is called `images`.
        outputs: the names of what it gives.
        free: the axes of the images that may have any length, and which: `torch.export.Dim`.

    Raises:
        KeyboardInterrupt: when it is done, if one was asked for meanwhile, which PyTorch would take for an error of its
            own; a second one ends it at once.
    """
    with warnings.catch_warnings(), interruptible() as stop:
        warnings.simplefilter("ignore")  # PyTorch's own, about its own ways
        exported = torch.onnx.export(
            network,
            (images,),
            input_names=["images"],
            output_names=outputs,
            dynamic_shapes=(dict(free),),
            dynamo=True,
            verbose=False,
        )
    if stop.is_set():
        raise KeyboardInterrupt
    assert exported is not None
    model = exported.model_proto  # another one each time that it is asked for
    strip(model)
    return model


def with_precision(model: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    """The same network with its weights stored in fewer bits; it still computes in float32.

    8-bit weights are whole numbers times a scale, one for each row or each column of a matrix, for each output or each
    input of a convolution, whichever comes nearer.

    Args:
        precision: one of `PRECISIONS`.

    Raises:
        UsageError: a weight is too large for it.
    """
    reduced = onnx.ModelProto()
    reduced.CopyFrom(model)
    if precision == "float32":
        return reduced
    graph = reduced.graph
    kept, widening = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2 or values.size < _FEW:
            kept.append(tensor)
            continue
        name, stored = tensor.name, f"{tensor.name}.{precision}"
        if precision == "float16":
            if np.abs(values).max() > np.finfo(np.float16).max:
                raise UsageError(f"{name} holds weights that are too large for float16; export in float32")
            kept.append(numpy_helper.from_array(values.astype(np.float16), stored))
            widening.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
        else:
            whole, scale = _in_8_bits(values)
            kept += [numpy_helper.from_array(whole, stored), numpy_helper.from_array(scale, f"{name}.scale")]
            widening.append(helper.make_node("Cast", [stored], [f"{name}.whole"], to=TensorProto.FLOAT))
            widening.append(helper.make_node("Mul", [f"{name}.whole", f"{name}.scale"], [name]))
    nodes = [*widening, *graph.node]
    del graph.initializer[:], graph.node[:], graph.value_info[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    return reduced


def with_metadata(model: onnx.ModelProto, texts: Mapping[str, str]) -> bytes:
    """The file: the network and what it says of itself.

    Raises:
        RunError: ONNX's own checker finds fault with it.
    """
    described = onnx.ModelProto()
    described.CopyFrom(model)
    described.producer_name = "kuzushiji"
    helper.set_model_props(described, dict(texts))
    try:
        onnx.checker.check_model(described, full_check=True)
    except Exception as error:  # the checker and shape inference raise kinds of their own
        raise RunError(f"the exported network is no sound ONNX ({error}); nothing was written") from None
    return sealed(described.SerializeToString())


def logits_of(model: onnx.ModelProto | bytes, images: NDArray[np.uint8], batch: int = 64) -> NDArray[np.float32]:
    """What ONNX Runtime computes: logits (N, C) of images uint8 (N, H, W)."""
    session = open_model(model)
    parts = [
        session.run(["logits"], {"images": np.asarray(images[start : start + batch], np.float32)[:, None] / 255})[0]
        for start in range(0, len(images), batch)
    ]
    return np.concatenate(parts)


def _in_8_bits(values: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers from -127 to 127, and the scales by which they are multiplied."""
    found = []
    for axis in (0, 1):
        rest = tuple(other for other in range(values.ndim) if other != axis)
        scale = np.abs(values).max(axis=rest, keepdims=True) / np.float32(127)
        scale[scale == 0] = 1
        whole = np.rint(values / scale).astype(np.int8)
        found.append((float(np.square(whole * scale - values).mean()), whole, scale.astype(np.float32)))
    _, whole, scale = min(found, key=lambda each: each[0])
    return whole, scale


def strip(model: onnx.ModelProto) -> None:
    """Takes out what PyTorch notes of where in whose code each node comes from."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    graph.name = "kuzushiji"


def _check(model: onnx.ModelProto, both: nn.Module, image_size: tuple[int, int]) -> None:
    session = open_model(model)
    generator = torch.Generator().manual_seed(0)
    for batch in CHECKED_BATCHES:
        images = torch.rand(batch, 1, *image_size, generator=generator)
        with torch.no_grad():
            expected = both(images)
        found = session.run(["logits", "embedding"], {"images": images.numpy()})
        for name, one, other in zip(("logits", "embedding"), expected, found, strict=True):
            scale = max(1.0, float(one.abs().max()))
            difference = float(np.abs(one.numpy() - other).max()) / scale if one.shape == other.shape else np.inf
            if not difference <= TOLERANCE:
                raise RunError(
                    f"ONNX Runtime gives other {name} than PyTorch at a batch of {batch}: they differ by "
                    f"{difference:.2g} of the greatest, {TOLERANCE:g} is allowed; nothing was written"
                )


def open_model(model: onnx.ModelProto | bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    content = model if isinstance(model, bytes) else model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
