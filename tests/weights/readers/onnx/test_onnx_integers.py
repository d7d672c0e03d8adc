"""Matrices of integers in ONNX models are decoded as the operators define it."""

import logging
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

from tests.support.exported_networks import Text, spectra
from tests.weights.readers.onnx.test_onnx_reader import export, gaussian, model
from zoo_analysis import analyze
from zoo_analysis.weights import list_layers, open_checkpoint


class Calibration(quantization.CalibrationDataReader):
    def __init__(self, name: str, words: torch.Tensor) -> None:
        self.left = [{name: words.numpy()}]

    def get_next(self):
        return self.left.pop() if self.left else None


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("plain") / "net.onnx"
    return export(Text(), torch.randint(0, 40, (1, 7)), file)


@pytest.mark.parametrize("way", ["dynamic", "QDQ", "QOperator"])
def test_what_onnxruntime_quantises_keeps_its_spectrum_to_a_step(tmp_path, plain, way):
    logging.disable(logging.CRITICAL)
    if way == "dynamic":
        quantization.quantize_dynamic(plain, tmp_path / "q.onnx")
    else:
        name = onnx.load(plain).graph.input[0].name
        calibration = Calibration(name, torch.randint(0, 40, (1, 7)))
        made = quantization.QuantFormat[way]
        quantization.quantize_static(plain, tmp_path / "q.onnx", calibration, made)
    logging.disable(logging.NOTSET)
    rows = {row["layer"]: row for row in analyze(tmp_path / "q.onnx").to_pylist()}
    whole = spectra(plain)
    assert rows.keys() == whole.keys()
    coded = {name for name, row in rows.items() if row["precision"] in ("int8", "uint8")}
    assert {"words", "query", "value", "classifier"} <= coded
    for name, (_, (log_norm, *_)) in whole.items():
        assert rows[name]["log_norm"] == pytest.approx(
            log_norm, abs=0.01 if name in coded else 1e-6
        )


@pytest.mark.parametrize("block", [0, 4])
@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("kind", [TensorProto.INT8, TensorProto.UINT8, TensorProto.INT4])
def test_dequantised_numbers_are_those_of_onnxruntime(tmp_path, block, zero, kind):
    random = np.random.default_rng(0)
    low, high = {TensorProto.UINT8: (0, 255), TensorProto.INT4: (-8, 7)}.get(kind, (-128, 127))
    per = (3, 16) if block else (16,)
    weight = helper.make_tensor("w", kind, (12, 16), random.integers(low, high, 192))
    constants = {"w": weight, "s": random.random(per, np.float32)}
    if zero:
        zeros = random.integers(max(low, 0), 7, per)
        constants["z"] = helper.make_tensor("z", kind, per, zeros.ravel())
    decode = helper.make_node(
        "DequantizeLinear",
        ["w", "s", *("z" if zero else "")],
        ["d"],
        axis=0 if block else 1,
        block_size=block,
    )
    product = helper.make_node("MatMul", ["x", "d"], ["y"])
    opset = [helper.make_opsetid("", 21)]
    file = model([decode, product], constants, tmp_path / "m.onnx", opset_imports=opset)
    session = onnxruntime.InferenceSession(only_decoded(file), providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {})
    with open_checkpoint(file) as checkpoint:
        (spec,) = list_layers(checkpoint)
        assert spec.precision == {3: "int8", 2: "uint8", 22: "int4"}[kind]
        assert np.array_equal(checkpoint.read("w").numpy(), expected)


def only_decoded(file: Path) -> bytes:
    """The model up to the decoded weight."""
    whole = onnx.load(file)
    graph = whole.graph
    out = helper.make_tensor_value_info("d", TensorProto.FLOAT, None)
    part = helper.make_graph(graph.node[:1], "part", [], [out], graph.initializer)
    made = helper.make_model(part, opset_imports=whole.opset_import, ir_version=10)
    return made.SerializeToString()


@pytest.mark.parametrize("zero", [True, False])
@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("into", [64, 80])
def test_blocks_of_few_bits_are_what_onnxruntime_multiplies_with(tmp_path, bits, zero, into):
    random, out, size = np.random.default_rng(0), 12, 32
    blocks = -(-into // size)
    constants = {
        "w": random.integers(0, 256, (out, blocks, size * bits // 8), np.uint8),
        "s": random.random((out, blocks), np.float32),
    }
    if zero:
        constants["z"] = random.integers(0, 256, (out, -(-blocks * bits // 8)), np.uint8)
    node = helper.make_node(
        "MatMulNBits",
        ["x", "w", "s", *("z" if zero else "")],
        ["y"],
        domain="com.microsoft",
        K=into, N=out, bits=bits, block_size=size,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    more = {"opset_imports": opsets, "ir_version": 9}
    file = model([node], constants, tmp_path / "m.onnx", **more)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": np.eye(into, dtype=np.float32)})
    with open_checkpoint(file) as checkpoint:
        (spec,) = list_layers(checkpoint)
        assert (spec.precision, spec.shape) == (f"int{bits}", (out, into))
        weight = checkpoint.read("w").numpy()
    np.testing.assert_allclose(weight.T, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("with_bias", [True, False])
def test_a_scale_that_comes_after_the_product_is_the_weights(tmp_path, with_bias):
    integers = np.random.default_rng(0).integers(-128, 128, (16, 12), np.int8)
    product = "sum" if with_bias else "product"
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "x_scale", "x_zero"]),
        helper.make_node("MatMulInteger", ["q", "w", "x_zero", "w_zero"], ["product"]),
        *([helper.make_node("Add", ["product", "bias"], ["sum"])] if with_bias else []),
        helper.make_node("Cast", [product], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["x_scale", "w_scale"], ["scale"]),
        helper.make_node("Mul", ["float", "scale"], ["y"]),
    ]
    constants = {
        "w": integers,
        "w_zero": np.array(3, np.int8),
        "w_scale": np.array(0.5, np.float32),
        "bias": np.arange(12, dtype=np.int32),
    }
    with open_checkpoint(model(nodes, constants, tmp_path / "m.onnx")) as checkpoint:
        assert np.array_equal(checkpoint.read("w").numpy(), (integers - 3.0) * 0.5)


def test_integers_whose_scale_the_model_does_not_hold_have_a_row_without_numbers(tmp_path):
    weight = numpy_helper.from_array(np.arange(96, dtype=np.int8).reshape(8, 12), "w")
    node = helper.make_node("MatMulInteger", ["x", "w"], ["y"])
    (row,) = analyze(model([node], {"w": weight}, tmp_path / "m.onnx")).to_pylist()
    assert (row["layer"], row["status"], row["N"], row["M"]) == ("w", "quantized", 12, 8)


def test_weights_that_pass_through_a_simulated_quantisation_are_measured_as_they_are(tmp_path):
    nodes = [
        helper.make_node("QuantizeLinear", ["w", "s"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s"], ["d"]),
        helper.make_node("MatMul", ["x", "d"], ["y"]),
    ]
    constants = {"w": gaussian(20, 12), "s": np.array(0.1, np.float32)}
    with open_checkpoint(model(nodes, constants, tmp_path / "m.onnx")) as checkpoint:
        assert np.array_equal(checkpoint.read("w").numpy(), constants["w"])
