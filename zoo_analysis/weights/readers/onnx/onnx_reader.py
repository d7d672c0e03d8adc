"""The reader of ONNX files: constants of the graph, by what the graph does with them."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.readers.arranged import Arranged, ArrangedCheckpoint, as_stored
from zoo_analysis.weights.readers.byte_source import FileBytes
from zoo_analysis.weights.readers.onnx.onnx_blocks import in_blocks
from zoo_analysis.weights.readers.onnx.onnx_message import HERE, in_unicode, read_model
from zoo_analysis.weights.readers.onnx.onnx_names import tensor_name
from zoo_analysis.weights.readers.onnx.onnx_operators import takes_vector
from zoo_analysis.weights.readers.onnx.onnx_scopes import Scope, Scopes
from zoo_analysis.weights.readers.onnx.onnx_steps import Coded
from zoo_analysis.weights.readers.onnx.onnx_uses import Use, use_of
from zoo_analysis.weights.readers.onnx.onnx_values import OnnxTensor, OnnxValues, inside
from zoo_analysis.weights.readers.reader import Reader
from zoo_analysis.weights.spec import TensorKind

if TYPE_CHECKING:
    import torch


class OnnxCheckpoint(ArrangedCheckpoint):
    """Initialisers and constants of an ONNX model and its inner graphs, mapped.

    They come in the order of the nodes that take them. Integers with scales that the model holds
    are decoded, as ``DequantizeLinear`` does it; other coded matrices are known by shape alone.

    Args:
        path: what was asked for, for errors.
        files: the model, one file; its external data lies in the same folder.

    Raises:
        CheckpointError: a malformed model, data that is missing, too short or outside of the
            model's folder, or no constants.
    """

    format = "onnx"
    ordered = True

    def __init__(self, path: Path, files: Sequence[Path]) -> None:
        if len(files) > 1:
            raise CheckpointError(f"{path}: an ONNX model is one file, not {len(files)}")
        source = FileBytes(files[0])
        with in_unicode(str(files[0])):
            scopes = Scopes(read_model(source), str(files[0]))
            values = OnnxValues(files[0], source)
            found: list[tuple[Use, Scope, str, OnnxTensor]] = []
            for scope in scopes.all:
                for name, proto in scope.constants.items():
                    if (tensor := values.tensor(proto)) is not None:
                        use = use_of(scopes, scope, name, tensor.shape)
                        found.append((use, scope, name, tensor))
            found.sort(key=lambda item: (item[0].place, item[0].operand))
            taken: Counter[str] = Counter()
            arrays = [
                _arranged(tensor_name(name, use, scope.label, taken), use, tensor, values)
                for use, scope, name, tensor in found
            ]
        super().__init__(path, values.files.values(), arrays)
        uses = zip(arrays, found, strict=True)
        self.reasons = {array.info.name: "vector" for array, (use, *_) in uses if _is_vector(use)}


def external_files(model: Path) -> tuple[str, ...]:
    """The files in which a model keeps its external data, relative to its folder.

    Raises:
        CheckpointError: a malformed model, or one that leads out of its folder.
    """
    with in_unicode(str(model)), closing(FileBytes(model)) as source:
        places = {
            inside(model, entry.value)
            for scope in Scopes(read_model(source), str(model)).all
            for proto in scope.constants.values()
            for entry in proto.external_data
            if entry.key == "location" and entry.value != HERE
        }
    return tuple(sorted(places))


def _is_vector(use: Use) -> bool:
    return use.node is not None and use.kind is None and takes_vector(use.node, use.operand)


def _arranged(name: str, use: Use, tensor: OnnxTensor, values: OnnxValues) -> Arranged:
    info = TensorInfo(name, tensor.shape, tensor.dtype, tensor.nbytes, tensor.storage)
    floats = tensor.dtype.startswith(("float", "bfloat"))
    kind, layout, load = use.kind, use.layout, tensor.load
    if kind is None or (tensor.dtype not in _CODED and not floats):
        return Arranged(info, load, as_stored(tensor.shape))
    node, coded = use.node, use.coded
    blocks = node is not None and node.op_type == "MatMulNBits"
    if node and coded and blocks and (found := in_blocks(node, tensor, coded, values)):
        info = replace(info, shape=found.shape, dtype=found.dtype, coded=found.scheme)
        return Arranged(info, found.load, as_stored(found.shape), TensorKind("linear"))
    if kind.status is not None:
        return Arranged(info, load, as_stored(tensor.shape), kind)
    if not floats or (use.coded is not None and tensor.dtype.startswith("float8")):
        decoded = _decoded(tensor, use.coded, values)
        if decoded is None:
            kind = replace(kind, status="quantized")
        else:
            load, scales = decoded
            info = replace(info, dtype=scales.dtype, coded=tensor.dtype)
    return Arranged(replace(info, shape=layout.shape), load, layout, kind)


#: Types in which matrices are coded.
_CODED = ("int8", "uint8", "int4", "uint4", "int2", "uint2", "int16", "uint16")


def _decoded(
    tensor: OnnxTensor, coded: Coded | None, values: OnnxValues
) -> "tuple[partial[torch.Tensor], OnnxTensor] | None":
    """(how to read the decoded matrix, its scales); None where the model does not hold them."""
    if coded is None:
        return None
    protos = [coded.scope.constant(name) for name in (coded.scale, coded.zero)]
    if protos[0] is None or (coded.zero and protos[1] is None):
        return None
    scales, zeros = (None if proto is None else values.tensor(proto) for proto in protos)
    if scales is None or not scales.dtype.startswith(("float", "bfloat")):
        return None
    if not _fit(scales.shape, coded) or (zeros and not _fit(zeros.shape, coded)):
        return None
    return partial(_decode, tensor, scales, zeros, coded), scales


def _fit(scales: tuple[int, ...], coded: Coded) -> bool:
    shape, axis = coded.layout.shape, coded.axis
    if scales in ((), (1,)):
        return True
    if not coded.block or axis == len(shape):
        return axis < len(shape) and scales == shape[axis : axis + 1]
    blocks = -(-shape[axis] // coded.block)
    return scales == (*shape[:axis], blocks, *shape[axis + 1 :])


def _decode(
    tensor: OnnxTensor, scales: OnnxTensor, zeros: OnnxTensor | None, coded: Coded
) -> "torch.Tensor":
    """y = (x − zero point) · scale, https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html."""
    import torch

    scale = scales.load()
    numbers = tensor.load().to(torch.float32)
    if zeros is not None:
        numbers = numbers - _along(zeros.load().to(torch.float32), tensor.shape, coded)
    return (numbers * _along(scale.to(torch.float32), tensor.shape, coded)).to(scale.dtype)


def _along(scale: "torch.Tensor", stored: tuple[int, ...], coded: Coded) -> "torch.Tensor":
    """Scales, or zero points, for the numbers as they are stored."""
    import torch

    if scale.numel() == 1:
        return scale.reshape(())
    shape, axis, axes = coded.layout.shape, coded.axis, coded.layout.axes
    if not coded.block:
        scale = scale.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    else:
        scale = scale.repeat_interleave(coded.block, dim=axis).narrow(axis, 0, shape[axis])
    if not coded.layout.pure or axes != tuple(range(len(axes))):
        back = torch.argsort(torch.tensor(axes)).tolist()
        if not coded.layout.pure:
            scale = scale.expand(shape).reshape([stored[i] for i in axes])
        scale = scale.permute(back)
    return scale


READER = Reader(OnnxCheckpoint.format, (".onnx",), OnnxCheckpoint, further=external_files)
