"""Rows of an adapter's updates: their shapes and ranks, from the headers of their factors.

LoRA (Hu et al. 2021), rsLoRA, DoRA's B·A, AdaLoRA (Zhang et al. 2023), LoCon, LoHa (Hyeon-Woo et
al. 2022), LoKr and full updates (Yeh et al. 2024), DeLoRA (Bini et al. 2025) and C3A (Chen et al.
2024) say in their file by which matrix a weight is changed. Others change it in a way that depends
on the weight itself (OFT, BOFT, HRA, HiRA, DEFT, OSF, GLoRA), or on what their file does not hold:
VeRA's shared matrices do not tell how many inputs a layer has, FourierFT's places come from a seed.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.layers.adapters.factors import Factors, factors
from zoo_analysis.weights.layers.adapters.strengths import rank_of, strength
from zoo_analysis.weights.spec import Kind, LayerSpec

Shapes = Mapping[str, tuple[int, ...]]

#: Entries of a matrix that is made of factors: 8 GB in float64. A file may tell of larger ones.
_LARGEST: Final = 2**30
#: Parts of a LoRA update, in their orders; with others beside them it is another method.
_LORA: Final = (
    ("B", "A"),
    ("B", "A", "E"),
    ("embedding_B", "embedding_A"),
    ("up", "down"),
    ("up", "down", "mid"),
)
_ASIDE: Final = {"alpha", "scalar", "magnitude_vector"}
_WITHOUT_ALPHA: Final = ("delora", "c3a", "full")
#: Variants of LoRA in which the update is not B·A.
_VARIANTS: Final = ("use_qalora", "use_bdlora", "kasa_config", "monteclora_config")


def updates(
    tensors: Mapping[str, TensorInfo], adapter: Mapping[str, Any] | None
) -> list[LayerSpec]:
    """A row for every update among `tensors`, in their order, of depth 0.

    An update that is no matrix of its factors alone has the status ``not-understood``. Magnitudes
    of a DoRA adapter are in no row: its B·A is measured. Updates of vectors alone have none.

    Args:
        tensors: of the checkpoint.
        adapter: the contents of peft's adapter_config.json; None takes α = r.

    Raises:
        CheckpointError: a config whose patterns or numbers are none.
    """
    specs: list[LayerSpec] = []
    for group in factors(tensors, adapter):
        shapes = {part: tensors[name].shape for part, name in group.parts.items()}
        spec = _known(group, shapes, tensors, adapter or {})
        if spec is None:
            specs += _not_understood(group, shapes, tensors)
        else:
            specs += _experts(spec, shapes, adapter or {})
    return specs


def _known(
    group: Factors, shapes: Shapes, tensors: Mapping[str, TensorInfo], adapter: Mapping[str, Any]
) -> LayerSpec | None:
    if group.family not in _MEASURED or any(0 in shape for shape in shapes.values()):
        return None
    if group.family == "lora" and any(adapter.get(key) for key in _VARIANTS):
        return None
    own = {part: shape for part, shape in shapes.items() if part not in _ASIDE}
    found = _MEASURED[group.family](own)
    if found is None:
        return None
    kind, parts, out, into, rank, inner = found
    core = min(out, rank) * min(into, rank)
    if core > _LARGEST or (kind == "c3a" and out * into > _LARGEST):
        return None
    aside = [
        part for part in ("alpha", "scalar") if part in shapes and math.prod(shapes[part]) == 1
    ]
    told = rank_of(adapter, group.layer)
    if kind == "lora":  # what the file holds, which pruned ranks and patterns have decided
        told = inner if not adapter.get("target_parameters") else told
    scale = 1.0 if "alpha" in aside or kind in _WITHOUT_ALPHA else None
    return LayerSpec(
        layer=group.layer,
        tensors=tuple(group.parts[part] for part in (*parts, *aside)),
        kind=kind,
        role="other",
        depth=0,
        shape=(out, into),
        dtype=tensors[group.parts[parts[0]]].dtype,
        scale=strength(adapter, group.layer, told or inner) if scale is None else scale,
        rank=rank,
    )


#: Kind, parts in order, outputs, inputs, rank of the update, and r where the shapes tell it.
_Found = tuple[Kind, tuple[str, ...], int, int, int, int | None]


def _lora(shapes: Shapes) -> _Found | None:
    parts = next((known for known in _LORA if set(known) == shapes.keys()), None)
    if parts is None:
        return None
    b, a, *more = (shapes[part] for part in parts)
    if len(a) < 2 or len(b) < 2 or b[1] != a[0] or math.prod(b[2:]) != 1:
        return None
    rank, into = a[0], math.prod(a[1:])
    if parts[-1] == "E" and math.prod(more[0]) != rank:
        return None
    if parts[-1] == "mid":
        if len(more[0]) < 3 or more[0][:2] != (rank, rank) or into != a[1]:
            return None
        into *= math.prod(more[0][2:])
    return "lora", parts, b[0], into, rank, rank


def _loha(shapes: Shapes) -> _Found | None:
    parts = ("w1_a", "w1_b", "w2_a", "w2_b", *(("t1", "t2") if "t1" in shapes else ()))
    if shapes.keys() != set(parts):
        return None
    one = _product(shapes["w1_a"], shapes["w1_b"], shapes.get("t1"))
    two = _product(shapes["w2_a"], shapes["w2_b"], shapes.get("t2"))
    if one is None or two is None or one[:2] != two[:2]:
        return None
    out, into, rank = one
    return "loha", parts, out, into, min(rank * two[2], out, into), shapes["w1_b"][0]


def _lokr(shapes: Shapes) -> _Found | None:
    first = ("w1",) if "w1" in shapes else ("w1_a", "w1_b")
    second: tuple[str, ...] = ("w2",) if "w2" in shapes else ("w2_a", "w2_b")
    second += ("t2",) if "t2" in shapes else ()
    if shapes.keys() != {*first, *second}:
        return None
    one = _whole(shapes["w1"]) if first == ("w1",) else _product(*(shapes[p] for p in first))
    two = _whole(shapes["w2"]) if second == ("w2",) else _product(*(shapes[p] for p in second))
    if one is None or two is None:
        return None
    inner = next((shapes[part][0] for part in ("w1_b", "w2_b") if part in shapes), None)
    out, into, rank = (a * b for a, b in zip(one, two, strict=True))
    return "lokr", (*first, *second), out, into, rank, inner


def _delora(shapes: Shapes) -> _Found | None:
    parts = ("B", "A", "lambda", "w_norm")
    if shapes.keys() != set(parts) or len(shapes["A"]) != 2 or len(shapes["B"]) != 2:
        return None
    (out, rank), (other, into) = shapes["B"], shapes["A"]
    fits = rank == other and shapes["lambda"] == (1,) and shapes["w_norm"] == (into,)
    return ("delora", parts, out, into, rank, rank) if fits else None


def _c3a(shapes: Shapes) -> _Found | None:
    if shapes.keys() != {"kernel"} or len(shapes["kernel"]) != 3:
        return None
    out, into = (count * shapes["kernel"][2] for count in shapes["kernel"][:2])
    return "c3a", ("kernel",), out, into, min(out, into), None


def _full(shapes: Shapes) -> _Found | None:
    whole = _whole(shapes["diff"]) if shapes.keys() == {"diff"} else None
    return ("full", ("diff",), *whole, None) if whole and 1 not in whole[:2] else None


_MEASURED: Final = {
    "lora": _lora, "hada": _loha, "lokr": _lokr, "delora": _delora, "c3a": _c3a, "full": _full,
}  # fmt: skip


def _whole(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    if len(shape) < 2:
        return None
    out, into = shape[0], math.prod(shape[1:])
    return out, into, min(out, into)


def _product(
    a: tuple[int, ...], b: tuple[int, ...], t: tuple[int, ...] | None = None
) -> tuple[int, int, int] | None:
    """(outputs, inputs, rank) of a·b, or of Tucker's aᵀ·(t × b) with the kernel's axes in t."""
    if len(a) != 2 or len(b) != 2:
        return None
    if t is None:
        return (a[0], b[1], min(a[0], b[1], b[0])) if a[1] == b[0] else None
    if len(t) < 3 or t[:2] != (a[0], b[0]):
        return None
    into = b[1] * math.prod(t[2:])
    return a[1], into, min(a[1], into, a[0])


def _experts(spec: LayerSpec, shapes: Shapes, adapter: Mapping[str, Any]) -> list[LayerSpec]:
    """`spec`, or the updates of the experts of a stack, whose ranks lie one after the other."""
    rank = rank_of(adapter, spec.layer)
    if not adapter.get("target_parameters") or not rank or spec.rank is None or spec.kind != "lora":
        return [spec]
    count, rest = divmod(spec.rank, rank)
    if rest or count < 2:
        return [spec]
    one = replace(spec, rank=rank)
    return [replace(one, layer=f"{spec.layer}[{i}]", index=i) for i in range(count)]


def _not_understood(
    group: Factors, shapes: Shapes, tensors: Mapping[str, TensorInfo]
) -> list[LayerSpec]:
    largest = max(shapes, key=lambda part: (len(shapes[part]) > 1, math.prod(shapes[part])))
    if sum(size > 1 for size in shapes[largest]) < 2:
        return []
    info = tensors[group.parts[largest]]
    others = (name for name in group.parts.values() if name != info.name)
    return [
        LayerSpec(
            layer=f"{group.layer}.{group.family}" if group.layer else group.family,
            tensors=(info.name, *others),
            kind="adapter",
            role="other",
            depth=0,
            shape=info.shape,
            dtype=info.dtype,
            status="not-understood",
        )
    ]
