"""Small matrices with the spectra of updates, which are not formed where they need not be."""

import math
from collections.abc import Callable, Mapping
from typing import Final

import torch

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import Checkpoint
from zoo_analysis.weights.layers.adapters.factors import part_of
from zoo_analysis.weights.spec import Kind, LayerSpec

Parts = Mapping[str, torch.Tensor]


def update_core(checkpoint: Checkpoint, spec: LayerSpec) -> torch.Tensor:
    """A matrix with the non-zero singular values of the update `spec`, in float64.

    Args:
        checkpoint: where `spec` was found.
        spec: an update of rank at most r and shape (out, in).

    Returns:
        Shape (min(out, r), min(in, r)).

    Raises:
        CheckpointError: tensors that are missing, unreadable, not floating, or do not fit.
    """
    parts = _parts(checkpoint, spec)
    shape = tuple(min(side, spec.rank or side) for side in spec.shape)
    if not all(torch.isfinite(tensor).all() for tensor in parts.values()):
        # LAPACK may refuse or hang on these; the caller marks a matrix that is not finite.
        return torch.full(shape, math.nan, dtype=torch.float64)
    try:
        core = _CORES[spec.kind](parts, spec) * _scale(parts, spec)
    except (RuntimeError, KeyError):
        core = torch.empty(0)
    if tuple(core.shape) != shape:
        told = ", ".join(f"{part} {tuple(tensor.shape)}" for part, tensor in parts.items())
        raise CheckpointError(f"{checkpoint.path}: {spec.layer}: factors do not fit: {told}")
    return core


def whole_update(checkpoint: Checkpoint, spec: LayerSpec) -> torch.Tensor:
    """The update ΔW (out × in) itself, in float64.

    Args:
        checkpoint: where `spec` was found.
        spec: an update of which `update_core` makes a core.

    Raises:
        CheckpointError: see `update_core`.
    """
    parts = _parts(checkpoint, spec)
    return _UPDATES[spec.kind](parts, spec) * _scale(parts, spec)


def _parts(checkpoint: Checkpoint, spec: LayerSpec) -> dict[str, torch.Tensor]:
    parts = {part_of(name): checkpoint.read(name) for name in spec.tensors}
    for tensor in parts.values():
        if not tensor.is_floating_point():
            raise CheckpointError(
                f"{checkpoint.path}: {spec.layer} is {tensor.dtype}, not floating"
            )
    return {part: tensor.double() for part, tensor in parts.items()}


def _scale(parts: Parts, spec: LayerSpec) -> float:
    scale = spec.scale
    if "alpha" in parts:
        inner = next(
            (parts[p] for p in ("A", "embedding_A", "down", "w1_b", "w2_b") if p in parts), None
        )
        scale = float(parts["alpha"]) / (1 if inner is None else inner.shape[0])
        if inner is None:  # a product of whole matrices has α = r
            scale = 1.0
    return scale * float(parts["scalar"]) if "scalar" in parts else scale


def _pair(b: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
    """R₁R₂ᵀ of B = Q₁R₁ and Aᵀ = Q₂R₂: B·A = Q₁(R₁R₂ᵀ)Q₂ᵀ, and the Qs are orthonormal."""
    core: torch.Tensor = torch.linalg.qr(b, mode="r").R @ torch.linalg.qr(a.T, mode="r").R.T
    return core


def _square(matrix: torch.Tensor) -> torch.Tensor:
    """The triangular factor of the longer side."""
    long = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    triangle: torch.Tensor = torch.linalg.qr(long, mode="r").R
    return triangle


def _lora(parts: Parts, spec: LayerSpec) -> torch.Tensor:
    return _pair(*_lora_factors(parts, spec))


def _lora_factors(parts: Parts, spec: LayerSpec) -> tuple[torch.Tensor, torch.Tensor]:
    """B (out × r) and A (r × in)."""
    names = next(
        n for n in (("B", "A"), ("embedding_B", "embedding_A"), ("up", "down")) if n[0] in parts
    )
    b, a = (parts[name].flatten(1) for name in names)
    if spec.index is not None and spec.rank is not None:  # peft's order of experts and ranks
        b = b.reshape(len(b), spec.rank, -1)[..., spec.index]
        a = a.reshape(-1, spec.rank, a.shape[1])[spec.index]
    if "E" in parts:
        a = a * parts["E"].reshape(-1, 1)
    if "mid" in parts:
        a = _tucker(parts["mid"], a)
    return b, a


def _tucker(t: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(r, in · kernel) of t (r, r, kernel) and b (r, in)."""
    return torch.einsum("ijk,jn->ink", t.flatten(2), b).flatten(1)


def _factors(parts: Parts, number: int) -> tuple[torch.Tensor, torch.Tensor]:
    a, b = parts[f"w{number}_a"], parts[f"w{number}_b"]
    t = parts.get(f"t{number}")
    return (a, b) if t is None else (a.T, _tucker(t, b))


def _product(parts: Parts, spec: LayerSpec) -> torch.Tensor:
    b, a = _lora_factors(parts, spec)
    return b @ a


def _loha(parts: Parts, spec: LayerSpec) -> torch.Tensor:
    """(A₁B₁) ∘ (A₂B₂) is the product of the rows' and the columns' Kronecker products."""
    (a, b), (c, d) = _factors(parts, 1), _factors(parts, 2)
    if a.shape[1] * c.shape[1] >= min(spec.shape):
        return _square(_hadamard(parts, spec))
    rows = torch.einsum("ip,iq->ipq", a, c).flatten(1)
    columns = torch.einsum("pj,qj->pqj", b, d).flatten(0, 1)
    return _pair(rows, columns)


def _hadamard(parts: Parts, spec: LayerSpec) -> torch.Tensor:
    (a, b), (c, d) = _factors(parts, 1), _factors(parts, 2)
    return (a @ b) * (c @ d)


def _lokr(parts: Parts, spec: LayerSpec) -> torch.Tensor:
    """The singular values of a Kronecker product are the products of its factors'."""
    values = [torch.linalg.svdvals(core) for core in _kronecker_factors(parts, _pair)]
    return torch.outer(values[0], values[1]).flatten().diag()


def _kronecker(parts: Parts, spec: LayerSpec) -> torch.Tensor:
    """Positions of a kernel are those of the second factor, and vary the fastest in both."""
    one, two = _kronecker_factors(parts, torch.matmul)
    return torch.kron(one.contiguous(), two.contiguous())


def _kronecker_factors(
    parts: Parts, multiplied: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> list[torch.Tensor]:
    wholes = [parts.get(f"w{number}") for number in (1, 2)]
    return [
        multiplied(*_factors(parts, number)) if whole is None else whole.flatten(1)
        for number, whole in enumerate(wholes, 1)
    ]


def _delora(parts: Parts, spec: LayerSpec) -> torch.Tensor:
    return _pair(*_delora_factors(parts))


def _delora_product(parts: Parts, spec: LayerSpec) -> torch.Tensor:
    b, a = _delora_factors(parts)
    return b @ a


def _delora_factors(parts: Parts) -> tuple[torch.Tensor, torch.Tensor]:
    """B·diag(λ/(r‖aᵢ‖‖bᵢ‖)) and A·diag(‖w‖), norms no smaller than 10⁻⁴ as in peft."""
    a, b = parts["A"], parts["B"]
    lengths = a.norm(dim=1).clamp(min=1e-4) * b.norm(dim=0).clamp(min=1e-4)
    return b * (parts["lambda"] / len(a) / lengths), a * parts["w_norm"]


def _c3a(parts: Parts, spec: LayerSpec) -> torch.Tensor:
    return _square(_circulant(parts, spec))


def _circulant(parts: Parts, spec: LayerSpec) -> torch.Tensor:
    """Circulant blocks, whose i-th row has w[j − i] in its j-th column, over the inputs."""
    kernel = parts["kernel"]
    place = torch.arange(kernel.shape[2])
    blocks = kernel[:, :, (place - place[:, None]) % len(place)]
    return blocks.transpose(1, 2).reshape(spec.shape) / spec.shape[1]


def _full(parts: Parts, spec: LayerSpec) -> torch.Tensor:
    return _square(parts["diff"].flatten(1))


_CORES: Final[Mapping[Kind, Callable[[Parts, LayerSpec], torch.Tensor]]] = {
    "lora": _lora,
    "loha": _loha,
    "lokr": _lokr,
    "delora": _delora,
    "c3a": _c3a,
    "full": _full,
}
_UPDATES: Final[Mapping[Kind, Callable[[Parts, LayerSpec], torch.Tensor]]] = {
    "lora": _product,
    "loha": _hadamard,
    "lokr": _kronecker,
    "delora": _delora_product,
    "c3a": _circulant,
    "full": lambda parts, spec: parts["diff"].flatten(1),
}
