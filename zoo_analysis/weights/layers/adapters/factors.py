"""Factors of updates, by the names of peft, LyCORIS, diffusers, kohya and llama.cpp."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from zoo_analysis.weights.checkpoint import TensorInfo

#: What the names of an adapter's tensors begin with.
_FAMILIES: Final = (
    "lora|hada|lokr|oft|boft|glora|vera|pvera|randlora|fourierft|adamss|c3a|delora|gralora|hira"
    "|psoft|shira|supertuning|tinylora|unilora|vblora|waveft"
)
#: The same where the word may begin a name of any network: beside an adapter_config.json alone.
_WORDS: Final = "bone|deft|frod|hra|lily|miss|osf|peanut|poly|road"
#: Kinds of adapters whose tensors are vectors, virtual tokens, or weights as they are.
_PLAIN: Final = (
    "ia3|beft|ln_tuning|prompt_tuning|multitask_prompt_tuning|prefix_tuning|p_tuning|cpt|cartridge"
    "|adaption_prompt|trainable_tokens|xlora|shadow"
)
#: Families whose tensors carry the adapter's name; those of others may have parts of their own.
_NAMED: Final = ("lora", "hada", "lokr", "c3a", "delora")
#: Parts of LoRA, by which a name without a module is one.
_LORA_PART: Final = re.compile(
    r"(embedding_)?[AB]|[abE]|down|up|mid|magnitude_vector|ranknum|bottleneck"
)
_LORA: Final = re.compile(
    r"^(?:(?P<layer>.+)[._])?lora(?P<number>\d*)(_linear_layer)?[._](?P<part>down|up|mid)"
    r"(?P<end>\.weight)?$"
)


@dataclass(frozen=True)
class Factors:
    """The tensors of one update.

    Attributes:
        layer: module path of what is updated, without peft's wrapper.
        module: the same as in the file.
        family: what the names begin with (``lora``, ``hada``).
        parts: names in the file by what they are without the family (``A``, ``w1_a``, ``alpha``).
    """

    layer: str
    module: str
    family: str
    parts: dict[str, str] = field(default_factory=dict)


def factors(
    tensors: Mapping[str, TensorInfo], adapter: Mapping[str, Any] | None = None
) -> list[Factors]:
    """The updates among `tensors`, in the order of their first tensors.

    Args:
        tensors: of a checkpoint.
        adapter: contents of peft's adapter_config.json, which names the kind of adapter.
    """
    families = _FAMILIES
    if adapter:
        own = str(adapter.get("peft_type", "")).lower()
        known = not own.isidentifier() or own in _PLAIN.split("|")
        families = "|".join((_FAMILIES, _WORDS, *(() if known else (own,))))
    pattern = _pattern(families)
    found: dict[tuple[str, str, str], Factors] = {}
    for name in tensors:
        match = _match(name, pattern) or _of_glora(name, tensors) or _of_full(name)
        if match is None:
            continue
        module, family, part, own = match
        layer = module.removeprefix("base_model.model.").removesuffix(".weight")
        layer += own.replace(".default", "")
        group = found.setdefault((module, own, family), Factors(layer, module, family))
        group.parts[part] = name
    for group in found.values():
        # kohya's and LyCORIS' scalars lie beside the factors.
        beside = {part: f"{group.module}.{part}" for part in ("alpha", "scalar")}
        group.parts.update({part: name for part, name in beside.items() if name in tensors})
    return [group for group in found.values() if group.family != "lora" or group.parts.keys() & _AB]


_AB: Final = {"A", "B", "embedding_A", "embedding_B", "down", "up"}


def part_of(name: str) -> str:
    """The part that the tensor `name` is of its update: ``A``, ``w1_a``, ``alpha``."""
    match = _match(name, _ANY)
    return match[2] if match else name.rpartition(".")[2]


def is_factor(name: str) -> bool:
    """True if the tensor `name` is a part of an adapter's update, and nothing by itself."""
    return not name.endswith(".bias") and _match(name, _KNOWN) is not None


def _pattern(families: str) -> re.Pattern[str]:
    return re.compile(
        rf"^(?:(?P<layer>.+)\.)?(?P<family>{families})_(?P<part>\w+)"
        r"(?P<end>(?:\.\w+)*?)(?:\.weight)?$"
    )


_KNOWN: Final = _pattern(_FAMILIES)
_ANY: Final = _pattern(f"{_FAMILIES}|{_WORDS}")


def _of_glora(name: str, tensors: Mapping[str, TensorInfo]) -> tuple[str, str, str, str] | None:
    """As `_match`, of LyCORIS' GLoRA, whose factors are plain modules: a1, a2, b1 and b2."""
    module, _, part = name.removesuffix(".weight").rpartition(".")
    others = (f"{module}.{factor}.weight" for factor in ("a1", "a2", "b1", "b2"))
    own = part in ("a1", "a2", "b1", "b2", "bm") and module and name.endswith(".weight")
    return (module, "glora", part, "") if own and all(o in tensors for o in others) else None


def _of_full(name: str) -> tuple[str, str, str, str] | None:
    """As `_match`, of LyCORIS' full updates: a module's difference itself."""
    module, _, part = name.rpartition(".")
    return (module, "full", part, "") if module and part == "diff" else None


def _match(name: str, pattern: re.Pattern[str]) -> tuple[str, str, str, str] | None:
    """(module, family, part, adapter's name with its dot) of the tensor `name`."""
    if name.endswith(".bias"):
        return None
    if match := _LORA.match(name):  # XLabs number the streams that a module has updates for
        module = name[: match.end("number")] if match["number"] else match["layer"] or ""
        return module, "lora", match["part"], ""
    match = pattern.match(name)
    if match is None:
        return None
    module, family, part, end = match["layer"] or "", match["family"], match["part"], match["end"]
    if family == "lora" and not module and not _LORA_PART.fullmatch(part):
        return None  # kohya's names of modules begin so: lora_unet_…, lora_te_…
    if family == "lora" and part in ("a", "b"):  # llama.cpp's: NAME.weight.lora_a
        return module, family, part.upper(), end
    if family in _NAMED and end.count(".") < 2:
        return module, family, part, end
    return module, family, part + end, ""
