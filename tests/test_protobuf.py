import onnx
import pytest
from onnx import TensorProto, helper

from kuzushiji.errors import DataError
from kuzushiji.exported import OPERATORS, open_session
from kuzushiji.protobuf import is_broken, operators, sealed
from kuzushiji.reading.pretrained import pretrained
from kuzushiji.shipped import DETECTOR


def model(*nodes, weights=()):
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    return helper.make_model(helper.make_graph(list(nodes), "g", [value], [value], list(weights)))


@pytest.mark.parametrize("path", [DETECTOR, *pretrained().values()], ids=lambda path: path.stem)
def test_what_ships_is_made_of_what_export_writes(path):
    content = path.read_bytes()
    assert operators(content) == {node.op_type for node in onnx.load_from_string(content).graph.node}
    assert operators(content) <= OPERATORS


def test_operators_of_others_have_their_domain():
    node = helper.make_node("Run", ["x"], ["x"], domain="com.stranger")
    assert operators(model(node).SerializeToString()) == {"com.stranger.Run"}


def test_weights_in_other_files_and_functions_are_refused():
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    with pytest.raises(ValueError, match="in other files"):
        operators(model(weights=[tensor]).SerializeToString())
    with_function = model()
    with_function.functions.add(name="f", domain="d")
    with pytest.raises(ValueError, match="functions of its own"):
        operators(with_function.SerializeToString())


@pytest.mark.parametrize("content", [b"\x07", b"\x80", b"\x3a\xff\x01x", b"\xff" * 20])
def test_what_is_no_message_is_told(content):
    with pytest.raises(ValueError, match=r"cut off|of the kind"):
        operators(content)


def test_a_network_that_goes_round_is_not_opened(tmp_path):
    body = helper.make_graph([], "body", [], [])
    node = helper.make_node("Loop", ["x", ""], ["x"], body=body)
    path = tmp_path / "round.onnx"
    path.write_bytes(model(node).SerializeToString())
    with pytest.raises(DataError, match="computes 'Loop'"):
        open_session(path, ours=True)


def test_a_flipped_bit_is_noticed():
    content = sealed(DETECTOR.read_bytes())
    assert not is_broken(content)
    assert not is_broken(DETECTOR.read_bytes()), "it was never sealed"
    assert {each.key for each in onnx.load_from_string(content).metadata_props} >= {"sha256", "format"}
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    assert is_broken(bytes(changed))
