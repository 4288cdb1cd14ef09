"""Every network becomes ONNX that computes the same, whatever the batch."""

import os
import signal

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from kuzushiji.errors import RunError
from kuzushiji.export.graph import (
    CHECKED_BATCHES,
    PRECISIONS,
    _check,
    _in_8_bits,
    _LogitsAndEmbedding,
    logits_of,
    to_onnx,
    with_metadata,
    with_precision,
)
from kuzushiji.exported import OPERATORS
from kuzushiji.models import MODELS, create_model, list_models
from kuzushiji.protobuf import operators

SMALL = {
    "cnn_dense_batch_norm": {},
    "fcn_strided": {},
    "nn_1": {},
    "preact_resnet20": {"width": 4, "depth": 8},
    "resnet": {"width": 4, "attention": "self"},
    "wide_resnet": {"depth": 10, "widen": 1},
    "vgg": {"depth": 11, "width": 4},
    "densenet": {"depth": 10, "growth": 4},
    "shake_shake": {"width": 4, "depth": 8},
    "fcn": {},
    "xception": {},
}
"""These have between them every kind of layer that there is."""

TESTED = SMALL
if os.environ.get("KUZUSHIJI_EVERY_NETWORK"):  # minutes: PyTorch takes seconds for each
    TESTED = {name: SMALL.get(name, {}) for name in list_models() if not MODELS[name].fitted}


def network(name="resnet", classes=5, size=16, **options):
    torch.manual_seed(0)
    made = create_model(name, classes=classes, image_size=size, **options)
    for layer in made.modules():  # statistics and scales that are not those of a layer that has seen nothing
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            torch.nn.init.uniform_(layer.running_mean, -0.3, 0.3)
            torch.nn.init.uniform_(layer.running_var, 0.5, 2)
            torch.nn.init.uniform_(layer.weight, 0.5, 2)
    return made.eval()


@pytest.mark.parametrize("name", TESTED)
def test_it_computes_what_the_network_does(name):
    if MODELS[name].extra:
        pytest.importorskip("timm", reason=f"{name} needs the extra {MODELS[name].extra}")
    size = max(MODELS[name].smallest, 9)
    made = network(name, size=size, **TESTED[name])
    exported = with_metadata(to_onnx(made, (size, size)), {"a": "b"})
    assert operators(exported) <= OPERATORS  # else its file would be taken for a stranger's
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    for batch in (*CHECKED_BATCHES, 5):
        images = torch.rand(batch, 1, size, size)
        logits, embedding = session.run(["logits", "embedding"], {"images": images.numpy()})
        with torch.no_grad():
            assert_same(logits, made(images))
            assert_same(embedding, made.features(images))


def assert_same(found, expected):
    """Up to what single precision leaves of the largest value: 152 layers that never learnt make it a million."""
    scale = max(1, float(expected.abs().max()))
    torch.testing.assert_close(torch.from_numpy(found) / scale, expected / scale, atol=1e-5, rtol=1e-4)


@pytest.fixture(scope="module")
def made():
    return network(size=16, width=16)


@pytest.fixture(scope="module")
def exported(made):
    return to_onnx(made, (16, 16))


def images(count):
    return np.random.default_rng(1).integers(0, 256, (count, 16, 16), dtype=np.uint8)


@pytest.mark.parametrize(
    ("precision", "share", "off"), [("float32", 1, 0), ("float16", 0.5, 0.002), ("int8", 0.25, 0.05)]
)
def test_fewer_bits_make_a_smaller_file_that_says_nearly_the_same(made, exported, precision, share, off):
    reduced = with_precision(exported, precision)
    content = with_metadata(reduced, {})
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)
    with torch.no_grad():
        expected = made(torch.from_numpy(images(70))[:, None].float() / 255).numpy()
    found = logits_of(content, images(70))
    difference = np.abs(found - expected).max() / np.abs(expected).max()
    assert difference <= off + 1e-5
    assert (difference > 1e-6) == (precision != "float32")
    assert len(content) < (share + 0.15) * len(with_metadata(exported, {}))
    assert found.dtype == np.float32


def test_the_original_is_left_as_it_was(exported):
    before = exported.SerializeToString()
    for precision in PRECISIONS:
        with_metadata(with_precision(exported, precision), {"a": "b"})
    assert exported.SerializeToString() == before


def test_nothing_is_told_of_the_machine_that_it_was_made_on(exported):
    content = with_metadata(exported, {})
    assert b".py" not in content
    assert b"torch" not in content


def test_an_interruption_is_none_of_pytorchs_errors(monkeypatch):
    def trace(*arguments, **settings):
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except BaseException as error:
            raise RuntimeError("please report a bug") from error

    monkeypatch.setattr(torch.onnx, "export", trace)
    with pytest.raises(KeyboardInterrupt):
        to_onnx(network(), (16, 16))


def test_another_result_than_the_networks_is_found(made, exported):
    spoiled = onnx.ModelProto()
    spoiled.CopyFrom(exported)
    tensor = max(spoiled.graph.initializer, key=lambda each: np.prod(each.dims))
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.01), tensor.name))
    both = _LogitsAndEmbedding(made).eval()
    _check(exported, both, (16, 16))
    with pytest.raises(RunError, match=r"gives other logits than PyTorch at a batch of 1.*nothing was written"):
        _check(spoiled, both, (16, 16))


def test_eight_bits_hold_rows_of_zeros():
    values = np.zeros((4, 8), np.float32)
    values[1] = np.linspace(-3, 3, 8)
    whole, scale = _in_8_bits(values)
    assert whole.dtype == np.int8
    np.testing.assert_allclose(whole * scale, values, atol=3 / 127)
