"""ONNX models have the spectra of the networks they were exported from."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from tests.support.exported_networks import Text, Vision, assert_same_spectra, spectra
from zoo_analysis import analyze
from zoo_analysis.weights import list_layers, open_checkpoint


def export(network: nn.Module, given: torch.Tensor, file: Path, **options: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), (given,), str(file), dynamo=False, **options)
    return file


def model(nodes: list[Any], constants: dict[str, Any], file: Path, **more: Any) -> Path:
    """A model of these nodes, from x to y."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy")
    tensors = [
        value if isinstance(value, TensorProto) else numpy_helper.from_array(value, name)
        for name, value in constants.items()
    ]
    graph = helper.make_graph(nodes, "graph", [x], [y], tensors)
    onnx.save(helper.make_model(graph, **more), file)
    return file


def gaussian(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


@pytest.fixture(params=["vision", "text"])
def network(request: pytest.FixtureRequest) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    if request.param == "vision":
        return Vision(), torch.randn(1, 3, 12, 12)
    return Text(), torch.randint(0, 40, (1, 7))


@pytest.mark.parametrize("folded", [True, False])
def test_an_export_has_the_spectra_of_its_network(tmp_path, network, folded):
    file = export(*network, tmp_path / "net.onnx", do_constant_folding=folded)
    assert_same_spectra(spectra(file), spectra(network[0]))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(16, 16) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.query(x) @ self.key(x).transpose(1, 2)
        return scores.softmax(-1) @ self.value(x)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.mlp = nn.Sequential(nn.Linear(16, 48), nn.ReLU(), nn.Linear(48, 16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.mlp(self.attention(x))


def test_constants_without_a_name_are_called_by_the_modules_that_multiply_with_them(tmp_path):
    file = export(nn.Sequential(Block(), Block()), torch.randn(1, 3, 16), tmp_path / "net.onnx")
    names = {tensor.name for tensor in onnx.load(file).graph.initializer}
    assert any(name.startswith("onnx::MatMul") for name in names), "they have one by now"
    rows = analyze(file).to_pylist()
    assert [(row["layer"], row["role"], row["depth"]) for row in rows[5:]] == [
        ("1.attention.query", "q", 5),
        ("1.attention.key", "k", 6),
        ("1.attention.value", "v", 7),
        ("1.mlp.0", "mlp", 8),
        ("1.mlp.2", "mlp", 9),
    ]


def test_data_in_a_file_beside_the_model_is_read(tmp_path, network):
    inside = export(*network, tmp_path / "in.onnx")
    (tmp_path / "out").mkdir()
    onnx.save(
        onnx.load(inside),
        tmp_path / "out" / "net.onnx",
        save_as_external_data=True,
        location="net.data",
        size_threshold=0,
    )
    assert spectra(tmp_path / "out" / "net.onnx") == spectra(inside)
    with open_checkpoint(tmp_path / "out" / "net.onnx") as checkpoint:
        assert checkpoint.nbytes > (tmp_path / "out" / "net.data").stat().st_size


def test_a_model_in_half_precision_is_measured_as_such(tmp_path):
    file = export(nn.Linear(16, 12).half(), torch.randn(1, 16).half(), tmp_path / "net.onnx")
    assert analyze(file)["dtype"].to_pylist() == ["float16"]


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (TensorProto.FLOAT, "float_data"),
        (TensorProto.FLOAT16, "int32_data"),
        (TensorProto.BFLOAT16, "int32_data"),
        (TensorProto.DOUBLE, "double_data"),
    ],
)
def test_numbers_that_are_not_raw_are_the_same(tmp_path, kind, field):
    weight = np.round(gaussian(24, 16) * 8) / 8  # exact in all of these types
    loose = helper.make_tensor("w", kind, weight.shape, weight.ravel())
    assert len(getattr(loose, field))
    file = model([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": loose}, tmp_path / "m.onnx")
    with open_checkpoint(file) as checkpoint:
        assert np.array_equal(checkpoint.read("w").double().numpy(), weight)


def test_weights_inside_of_branches_and_constant_nodes_are_measured(tmp_path):
    def branch(name: str, width: int) -> Any:
        constant = helper.make_node(
            "Constant", [], ["w"], value=numpy_helper.from_array(gaussian(20, width), "")
        )
        product = helper.make_node("MatMul", ["x", "w"], [name])
        out = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        return helper.make_graph([constant, product], name, [], [out])

    choice = helper.make_node(
        "If", ["told"], ["z"], "rate", then_branch=branch("a", 12), else_branch=branch("b", 14)
    )
    after = helper.make_node("MatMul", ["z", "out"], ["y"])
    file = model(
        [choice, after],
        {"told": np.array(True), "out": gaussian(12, 30)},
        tmp_path / "m.onnx",
    )
    rows = analyze(file).to_pylist()
    assert [(row["layer"], row["N"], row["M"]) for row in rows] == [
        ("w", 20, 14),
        ("rate.then_branch.w", 20, 12),
        ("out", 30, 12),
    ]


def test_a_table_that_is_also_the_output_projection_counts_once_as_an_embedding(tmp_path):
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(30, 12)

        def forward(self, words: torch.Tensor) -> torch.Tensor:
            return self.words(words) @ self.words.weight.T

    file = export(
        Tied(), torch.randint(0, 30, (1, 4)), tmp_path / "m.onnx", do_constant_folding=False
    )
    assert [(r["kind"], r["N"], r["M"]) for r in analyze(file).to_pylist()] == [
        ("embedding", 30, 12)
    ]


def test_weights_in_a_local_function_are_known_by_what_it_does(tmp_path):
    body = helper.make_function(
        "own",
        "Linear",
        ["a", "w"],
        ["b"],
        [
            helper.make_node("Transpose", ["w"], ["t"], perm=[1, 0]),
            helper.make_node("MatMul", ["a", "t"], ["b"]),
        ],
        [helper.make_opsetid("", 18)],
    )
    file = model(
        [helper.make_node("Linear", ["x", "fc"], ["y"], domain="own")],
        {"fc": gaussian(30, 12)},
        tmp_path / "m.onnx",
        functions=[body],
    )
    with open_checkpoint(file) as checkpoint:
        (spec,) = list_layers(checkpoint)
    assert (spec.shape, spec.transposed) == ((12, 30), True)


@pytest.mark.parametrize(
    ("node", "stored", "seen"),
    [
        (("MatMul", ["x", "w"], {}), (3, 8, 12), [("linear", 12, 8)] * 3),
        (("MatMul", ["w", "x"], {}), (8, 12), [("linear", 12, 8)]),
        (("Gemm", ["x", "w"], {"transB": 1}), (12, 8), [("linear", 12, 8)]),
        (("Gemm", ["x", "w"], {}), (8, 12), [("linear", 12, 8)]),
        (("Einsum", ["x", "w"], {"equation": "bd,dhk->bhk"}), (8, 3, 4), [("linear", 12, 8)]),
        (("Einsum", ["x", "w"], {"equation": "ebd,edk->ebk"}), (2, 8, 9), [("linear", 9, 8)] * 2),
        (("LSTM", ["x", "w", "w"], {"hidden_size": 8}), (2, 32, 8), [("linear", 32, 8)] * 2),
        (("Conv", ["x", "w"], {"group": 4}), (8, 2, 3, 3), [("conv2d", 2, 2)]),
        (("ConvTranspose", ["x", "w"], {"group": 2}), (8, 3, 3, 3), [("conv_transpose2d", 4, 3)]),
        (("Gather", ["w", "x"], {}), (12, 8), [("embedding", 12, 8)]),
        (("Add", ["x", "w"], {}), (12, 8), []),
        (("Mine", ["x", "w"], {"domain": "mine"}), (12, 8), [("linear", 12, 8)]),
    ],
)
def test_what_a_constant_is_follows_from_its_operator(tmp_path, node, stored, seen):
    operator, inputs, options = node
    made = helper.make_node(operator, inputs, ["y"], **options)
    file = model([made], {"w": gaussian(*stored)}, tmp_path / "m.onnx")
    rows = analyze(file).to_pylist()
    assert [(row["kind"], row["N"], row["M"]) for row in rows] == seen
    assert ["not-understood" in row["status"] for row in rows] == [operator == "Mine"] * len(rows)


def test_a_model_of_vectors_has_tensors_and_no_layers(tmp_path):
    nodes = [
        helper.make_node("Mul", ["x", "scale"], ["z"]),
        helper.make_node("Reshape", ["z", "shape"], ["y"]),
    ]
    constants = {"scale": gaussian(8), "shape": np.array([2, 4])}
    with open_checkpoint(model(nodes, constants, tmp_path / "m.onnx")) as checkpoint:
        assert set(checkpoint.tensors) == set(constants)
        assert list_layers(checkpoint) == []
