"""Tensors that are another one under a second name."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.layers.architecture import Blueprint

_TABLE: Final = re.compile(
    r"(^|\.)(embed_tokens|embed_in|wte|shared|tok_embeddings|word_embeddings)\.weight$"
)
_OUTPUT: Final = re.compile(r"(^|\.)(lm_head|embed_out)\.weight$")


def tied_names(
    tensors: Mapping[str, TensorInfo],
    order: Sequence[str],
    plan: Blueprint | None,
    config: Mapping[str, Any],
) -> set[str]:
    """Names in `tensors` that another name already counts.

    They share its bytes in the file, the architecture ties them, or the config says that the
    output projection is the embedding: what is stored under the name is not used then.

    Args:
        tensors: of a checkpoint.
        order: their names; the first name of a tied tensor counts.
        plan: the architecture, where there is one.
        config: config.json of a transformers model; may be empty.
    """
    tied: set[str] = set()
    first: dict[tuple[object, ...], str] = {}
    stored = {plan.find(name): name for name in order} if plan else {}
    for name in order:
        info = tensors[name]
        if info.nbytes and first.setdefault((info.storage, info.shape), name) != name:
            tied.add(name)
        alias = plan.aliases.get(plan.find(name) or "") if plan else None
        if alias and stored.get(alias, name) != name:
            tied.add(name)
    if config.get("tie_word_embeddings") is True and plan is None:
        tables = {info.shape for name, info in tensors.items() if _TABLE.search(name)}
        outputs = (info for name, info in tensors.items() if _OUTPUT.search(name))
        tied |= {info.name for info in outputs if info.shape in tables}
    return tied
