"""Names of an ONNX model's tensors: those of its constants, or of the nodes that take them."""

import re
from collections import Counter
from typing import Final

from zoo_analysis.weights.readers.onnx.onnx_uses import Use

#: Names that exporters and optimisers number through.
_NUMBERED: Final = re.compile(r"(onnx::)?[A-Za-z_]*?_?\d*(_(quantized|transposed))?")
_RECURRENT: Final = ("LSTM", "GRU", "RNN", "DynamicQuantizeLSTM")
_CODED: Final = re.compile(r"(_transposed)?(_quantized)?$", re.IGNORECASE)


def tensor_name(name: str, use: Use, scope: str, taken: Counter[str]) -> str:
    """The name of a constant, one that no other one has.

    The constant's own where it is a path (``encoder.0.weight``); where it is a number
    (``onnx::MatMul_123``), that of the module whose node takes it
    (``/encoder/layer.0/attention/self/query/MatMul`` → ``encoder.layer.0.attention.self.query``),
    if that is a path.

    Args:
        name: of the constant.
        use: in the model.
        scope: the label of its graph.
        taken: names of other constants, and how often each was wanted; the name is added.
    """
    plain = name.removesuffix(":0").strip("/").replace("/", ".")
    module, operator = _module(use)
    candidates = [plain or "constant"]
    if use.kind is not None:
        plain = _CODED.sub("", plain, count=1)
        candidates.insert(0, plain or "constant")
        if _NUMBERED.fullmatch(plain) and module:
            recurrent = use.node is not None and use.node.op_type in _RECURRENT
            parameter = "WR"[use.operand - 1] if recurrent else "weight"
            candidates = [f"{module}.{parameter}", f"{module}.{operator}.{parameter}"]
    if scope:
        candidates.append(f"{scope.strip('/').replace('/', '.')}.{candidates[0]}")
    chosen = next((name for name in candidates if name not in taken), "")
    while not chosen:
        taken[candidates[-1]] += 1
        stem, dot, last = candidates[-1].rpartition(".")
        numbered = f"{stem}{dot}{taken[candidates[-1]] - 1}.{last}"
        chosen = numbered if numbered not in taken else ""
    taken[chosen] += 1
    return chosen


def _module(use: Use) -> tuple[str, str]:
    """(the module that the node belongs to, the node's own name); empty where nobody says it."""
    if use.node is None:
        return "", ""
    module, _, operator = use.node.name.strip("/").rpartition("/")
    if not module:  # torch's newer exporter notes it beside: "['', 'layer', 'layer.0', 'linear']"
        scopes = (p.value for p in use.node.metadata_props if p.key == "pkg.torch.onnx.name_scopes")
        *modules, operator = re.findall(r"'([^']*)'", next(scopes, "")) or [""]
        module = modules[-1] if modules else ""
    parts = module.split("/")
    # torch says /mlp/mlp.0 of the first module of a Sequential, and /layer.0 of a ModuleList.
    pairs = zip(parts, [*parts[1:], ""], strict=True)
    return ".".join(part for part, inner in pairs if not inner.startswith(f"{part}.")), operator
