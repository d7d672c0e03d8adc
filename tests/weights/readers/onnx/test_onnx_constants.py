"""Constants that nodes give, scales along any axis, and vectors that have several axes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from zoo_analysis.weights import load_kernel, open_checkpoint
from zoo_analysis.weights.layers.inventory import LeftOut
from zoo_analysis.weights.layers.listing import take_inventory

node = helper.make_node
RANDOM = np.random.default_rng(0)


def written(
    nodes: list[onnx.NodeProto], arrays: dict[str, np.ndarray | onnx.TensorProto], file: Path
) -> Path:
    tensors = [
        numpy_helper.from_array(array, name) if isinstance(array, np.ndarray) else array
        for name, array in arrays.items()
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]), file)
    return file


def agrees(file: Path, inputs: int) -> list[LeftOut]:
    """What is left out, once the one matrix has been seen to be that which onnx multiplies by."""
    (expected,) = ReferenceEvaluator(str(file)).run(None, {"x": np.eye(inputs, dtype=np.float32)})
    with open_checkpoint(file) as checkpoint:
        found = take_inventory(checkpoint, config={})
        (layer,) = found.layers
        kernel = torch.as_tensor(load_kernel(checkpoint, layer)).squeeze(0)
    matrix = expected.reshape(inputs, -1)
    assert np.allclose(kernel.T.numpy(), matrix, rtol=1e-6)
    assert found.total == found.measured + sum(row.elements for row in found.left_out)
    return list(found.left_out)


@pytest.mark.parametrize("count", [3, 40])
def test_lists_of_numbers_are_tensors(tmp_path: Path, count: int) -> None:
    numbers = RANDOM.standard_normal(count * 8).astype(np.float32).tolist()
    nodes = [
        node("Constant", [], ["w"], value_floats=numbers),
        node("Constant", [], ["shape"], value_ints=[8, count]),
        node("Reshape", ["w", "shape"], ["matrix"]),
        node("MatMul", ["x", "matrix"], ["product"]),
        node("Constant", [], ["one"], value_float=1.0),
        node("Mul", ["product", "one"], ["y"]),
    ]
    left = agrees(written(nodes, {}, tmp_path / "m.onnx"), 8)
    assert [(row.count, row.elements, row.reason) for row in left] == [(1, 1, "vector")]


@pytest.mark.parametrize("several", [True, False])
def test_scales_may_be_lists_of_numbers(tmp_path: Path, several: bool) -> None:
    codes = RANDOM.integers(-127, 127, (8, 6)).astype(np.int8)
    told = {"value_floats": [0.5, 0.1, 2.0, 3.0, 0.25, 1.0]} if several else {"value_float": 0.5}
    nodes = [
        node("Constant", [], ["s"], **told),
        node("DequantizeLinear", ["w", "s"], ["matrix"], axis=1),
        node("MatMul", ["x", "matrix"], ["y"]),
    ]
    agrees(written(nodes, {"w": codes}, tmp_path / "m.onnx"), 8)


#: Nodes before the decoding, the shape that they give of (6, 6).
BEFORE = {
    "nothing": ([], (6, 6)),
    "transpose": ([node("Transpose", ["w"], ["v"], perm=[1, 0])], (6, 6)),
    "unsqueeze": ([node("Unsqueeze", ["w", "first"], ["v"])], (1, 6, 6)),
    "both": (
        [
            node("Transpose", ["w"], ["t"], perm=[1, 0]),
            node("Unsqueeze", ["t", "first"], ["v"]),
        ],
        (1, 6, 6),
    ),
}


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("block", [0, 2, 4])
@pytest.mark.parametrize("axis", [-1, -2])
@pytest.mark.parametrize("before", BEFORE)
def test_scales_are_along_the_axis_of_the_node_that_applies_them(
    tmp_path: Path, before: str, axis: int, block: int, after: bool
) -> None:
    """A square matrix, so that scales of the wrong axis would fit too."""
    nodes, shape = BEFORE[before]
    per = list(shape)
    per[axis] = -(-6 // block) if block else 6
    if not block:
        per = [6]
    told = {"axis": len(shape) + axis, **({"block_size": block} if block else {})}
    value = nodes[-1].output[0] if nodes else "w"
    chain = [*nodes, node("DequantizeLinear", [value, "s", "z"], ["decoded"], **told)]
    if after and len(shape) == 2:
        chain.append(node("Transpose", ["decoded"], ["turned"], perm=[1, 0]))
    chain.append(node("MatMul", ["x", chain[-1].output[0]], ["y"]))
    arrays = {
        "w": RANDOM.integers(-127, 127, (6, 6)).astype(np.int8),
        "s": RANDOM.random(per, np.float32) + np.float32(0.1),
        "z": RANDOM.integers(-5, 5, per).astype(np.int8),
        "first": np.array([0]),
    }
    left = agrees(written(chain, arrays, tmp_path / "m.onnx"), 6)
    assert {row.reason for row in left} == {"vector"}


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("both", [True, False])
def test_biases_of_recurrent_layers_are_vectors(tmp_path: Path, kind: str, both: bool) -> None:
    """As torch exports them: one array for both directions, input and recurrent biases joined."""
    net, file = getattr(nn, kind)(7, 5, bidirectional=both).eval(), tmp_path / "m.onnx"
    torch.onnx.export(net, (torch.randn(3, 1, 7),), file, dynamo=False)
    with open_checkpoint(file) as checkpoint:
        found = take_inventory(checkpoint, config={})
    assert len(found.layers) == (4 if both else 2)
    assert {row.reason for row in found.left_out} == {"vector"}
    biases = sum(p.numel() for name, p in net.named_parameters() if "bias" in name)
    assert sum(row.elements for row in found.left_out) >= biases
    assert found.coverage == 1.0


def test_states_and_peepholes_are_vectors(tmp_path: Path) -> None:
    shapes = {"W": (2, 20, 7), "R": (2, 20, 5), "B": (2, 40), "h": (2, 1, 5), "c": (2, 1, 5),
              "P": (2, 15)}  # fmt: skip
    arrays = {name: RANDOM.random(shape, np.float32) for name, shape in shapes.items()}
    inputs = ["x", "W", "R", "B", "", "h", "c", "P"]
    lstm = node("LSTM", inputs, ["y"], hidden_size=5, direction="bidirectional")
    with open_checkpoint(written([lstm], arrays, tmp_path / "m.onnx")) as checkpoint:
        found = take_inventory(checkpoint, config={})
    assert [spec.layer for spec in found.layers] == ["W[0]", "W[1]", "R[0]", "R[1]"]
    assert [(row.tensor, row.count, row.elements) for row in found.left_out] == [("*", 4, 130)]
