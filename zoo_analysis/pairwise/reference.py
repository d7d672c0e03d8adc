"""The reference among the models, and the kind of probe that each of them takes."""

import os
from collections.abc import Sequence

from zoo_analysis.activations.probes.probe import Kind
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.lookup import several, whole_or_part
from zoo_analysis.sources import ModelRef, resolve_sources


def with_reference(
    refs: Sequence[ModelRef], reference: str, access: HubAccess | None = None
) -> tuple[list[ModelRef], str]:
    """The models with the reference among them, and its repo_id.

    Args:
        refs: the models.
        reference: the repo_id of one of them, a part that only one has, or a source of one model.
        access: how to reach the hub; None is `hub.access.default_access`.

    Raises:
        ZooError: it is none of these.
    """
    found = whole_or_part(reference, {ref.repo_id for ref in refs})
    if len(found) == 1:
        return list(refs), found[0]
    if found and not os.path.exists(reference):
        raise ZooError(f"`reference` {several(reference, found)}")
    others = resolve_sources([reference], access).refs
    if len(others) != 1:
        raise ZooError(f"`reference` {reference!r} is {len(others)} models: name one")
    return list(dict.fromkeys([*refs, *others])), others[0].repo_id


def kind_of(ref: ModelRef) -> Kind:
    """Kind of probe that a model takes, by what is known of it before anything of it is read."""
    library, _, name = (ref.architecture or "").partition(":")
    if library != "transformers":
        return "images"
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    named = MODEL_MAPPING_NAMES.get(name, name)  # a class, or a type of models
    found = getattr(transformers, named if isinstance(named, str) else named[0], None)
    return "images" if getattr(found, "main_input_name", None) == "pixel_values" else "text"
