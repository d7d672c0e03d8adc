"""LoRA pairs: finding them, and the spectrum of the update B·A without forming it.

Hu et al. 2021 (arXiv 2106.09685): W + (α/r)·B·A with B out × r and A r × in. Names are peft's
(``lora_A``, ``lora_B``, ``lora_embedding_A``), diffusers' (``lora.down``, ``lora.up``) and those of
kohya's scripts (``lora_down``, ``lora_up`` and a tensor ``alpha``).
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

import torch

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import Checkpoint, TensorInfo
from zoo_analysis.weights.layers.patterns import matches
from zoo_analysis.weights.spec import LayerSpec

_A: Final = re.compile(
    r"^(?P<layer>.+?)(?P<mark>\.lora_embedding_A|\.lora_A|\.lora_down|\.lora\.down)"
    r"(?P<adapter>\.[^.]+)??(?P<end>\.weight)?$"
)
_TO_B: Final = {
    ".lora_embedding_A": ".lora_embedding_B",
    ".lora_A": ".lora_B",
    ".lora_down": ".lora_up",
    ".lora.down": ".lora.up",
}


#: Tensors that an update is computed from, and not by one product: LoHa, LoKr, OFT, BOFT, VeRA,
#: FourierFT, and a half of a LoRA pair whose other half is missing or of another shape.
_FACTOR: Final = re.compile(
    r"(^|[._])(hada_w\d_[ab]|hada_t\d|lokr_(w\d|t2)(_[ab])?|b?oft_[rRsS]\w*|vera_(A|B|lambda_\w)"
    r"|fourierft_spectrum|lora_(embedding_)?[AB]|lora[._](down|up|mid))(\.|$)"
)


#: No α is as large.
_MOST_ALPHA: Final = 1e9


def is_factor(name: str) -> bool:
    """True if the tensor `name` is a part of an adapter's update, and no matrix by itself."""
    return bool(_FACTOR.search(name))


def lora_pairs(
    tensors: Mapping[str, TensorInfo], adapter: Mapping[str, Any] | None
) -> list[LayerSpec]:
    """The LoRA pairs among `tensors`, in their order, of depth 0.

    The magnitudes of a DoRA adapter are left out: the update is B·A all the same.

    Args:
        tensors: of the checkpoint.
        adapter: the contents of peft's adapter_config.json; None takes α = r.
    """
    specs = []
    for name, a in tensors.items():
        match = _A.match(name)
        if not match or len(a.shape) < 2:
            continue
        mark = match["mark"]
        name_b = name[: match.start("mark")] + _TO_B[mark] + name[match.end("mark") :]
        b = tensors.get(name_b)
        if b is None or len(b.shape) < 2 or b.shape[1] != a.shape[0]:
            continue
        layer = match["layer"].removeprefix("base_model.model.")
        alpha = f"{match['layer']}.alpha"
        specs.append(
            LayerSpec(
                layer=layer + (match["adapter"] or "").replace(".default", ""),
                tensors=(name_b, name, alpha) if alpha in tensors else (name_b, name),
                kind="lora",
                role="other",
                depth=0,
                shape=(b.shape[0], math.prod(a.shape[1:])),
                dtype=a.dtype,
                scale=_scale(adapter or {}, layer, a.shape[0]),
                rank=a.shape[0],
            )
        )
    return specs


def _scale(adapter: Mapping[str, Any], layer: str, rank: int) -> float:
    alpha = adapter.get("lora_alpha")
    patterns = adapter.get("alpha_pattern") or {}
    if not isinstance(patterns, dict):
        raise CheckpointError("adapter_config.json: alpha_pattern is no object")
    for pattern, value in patterns.items():
        if matches(pattern, layer, "alpha_pattern"):
            alpha = value
            break
    if alpha is None:
        return 1.0
    if type(alpha) not in (int, float) or not abs(alpha) < _MOST_ALPHA:
        raise CheckpointError("adapter_config.json: lora_alpha is no number")
    return float(alpha) / (math.sqrt(rank) if adapter.get("use_rslora") else rank) if rank else 1.0


def lora_core(checkpoint: Checkpoint, spec: LayerSpec) -> torch.Tensor:
    """A small matrix with the non-zero singular values of the update scale·B·A, in float64.

    With B = Q₁R₁ and Aᵀ = Q₂R₂ the update is Q₁(R₁R₂ᵀ)Q₂ᵀ, and the Qs have orthonormal columns.

    Args:
        checkpoint: where `spec` was found.
        spec: a LoRA pair of rank r and shape (out, in).

    Returns:
        R₁R₂ᵀ·scale, shape (min(out, r), min(in, r)).

    Raises:
        CheckpointError: tensors that are missing, unreadable, not floating, or do not fit.
    """
    b, a, *alpha = (checkpoint.read(name) for name in spec.tensors)
    if not (b.is_floating_point() and a.is_floating_point()):
        raise CheckpointError(f"{checkpoint.path}: {spec.layer} is {a.dtype}, not floating")
    b, a = b.double().flatten(1), a.double().flatten(1)
    if b.shape[1] != a.shape[0]:
        raise CheckpointError(
            f"{checkpoint.path}: {spec.layer}: B {tuple(b.shape)} does not fit A {tuple(a.shape)}"
        )
    scale = float(alpha[0]) / a.shape[0] if alpha else spec.scale
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        # LAPACK may refuse or hang on these; the caller marks a matrix that is not finite.
        return torch.full((min(b.shape), min(a.shape)), math.nan, dtype=torch.float64)
    r_b = torch.linalg.qr(b, mode="r").R
    r_a = torch.linalg.qr(a.T, mode="r").R
    core: torch.Tensor = r_b @ r_a.T * scale
    return core
