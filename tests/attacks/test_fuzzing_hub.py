"""Whatever a hub answers is a model, a problem or one line; beside it stands nothing else.

Some cases each; a hundred thousand, with those of `test_fuzzing`, under the marker `exhaustive`.
"""

import json
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.attacks.fuzzing import FEW, MANY, SCALARS, TEXTS, fuzz, tree
from zoo_analysis.errors import CheckpointError
from zoo_analysis.hub import repository
from zoo_analysis.hub.access import HubAccess
from zoo_analysis.hub.api import EXPAND
from zoo_analysis.hub.description import HubModel, hub_model
from zoo_analysis.hub.pages import entries, entry
from zoo_analysis.hub.path import leads_out
from zoo_analysis.hub.query import HubQuery
from zoo_analysis.sources.hub import described

KEYS = st.sampled_from(("id", "disabled", "gated", "sha", "base_models", "likes", *EXPAND))
FILES = st.sampled_from(
    ["model.safetensors", "unet/model.safetensors", "README.md", "config.json", "model_index.json",
     "../x.bin", "/etc/x.bin", "a//b.bin", "a/./b.bin", "\\x.bin", "q8.gguf", "onnx/model.onnx",
     "model-00001-of-00002.safetensors", "model.safetensors.index.json", "a" * 5000]
)  # fmt: skip
TIMES = st.sampled_from(
    ["2024-01-01T00:00:00.000Z", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00", "now", 5]
)
RESULT = st.fixed_dictionaries(
    {"dataset": st.fixed_dictionaries({"id": SCALARS}, optional={"task_id": SCALARS})},
    optional={"value": SCALARS, "source": tree(KEYS), "data": tree(KEYS)},
)


def descriptions(data: st.DataObject) -> None:
    """Anything that stands for a model in an answer."""
    good = {"id": "me/net", "sha": "0" * 40, "siblings": [{"rfilename": "model.safetensors"}]}
    sibling = st.fixed_dictionaries({"rfilename": FILES | SCALARS})
    rich = st.fixed_dictionaries(
        {},
        optional={
            "siblings": st.lists(sibling | tree(KEYS), max_size=4),
            "createdAt": TIMES | SCALARS,
            "lastModified": TIMES | SCALARS,
            "evalResults": st.lists(RESULT | st.fixed_dictionaries({"data": RESULT}), max_size=3),
            "safetensors": st.fixed_dictionaries({"parameters": tree(KEYS), "total": SCALARS}),
            "cardData": st.dictionaries(st.sampled_from(["license", "tags"]), tree(KEYS)),
            "config": st.dictionaries(st.sampled_from(["architectures", "model_type"]), tree(KEYS)),
        },
    )
    odd = st.dictionaries(KEYS, tree(KEYS), max_size=3)
    answer = data.draw(tree(KEYS) | st.tuples(rich, odd).map(lambda two: good | two[0] | two[1]))
    model = hub_model(entry(json.dumps(answer).encode("utf-8", "surrogatepass")))
    assert isinstance(model, HubModel)
    HubQuery(min_parameters=1, max_parameters=5).admits(model)
    found = described(model)
    assert found.refs or found.problems
    assert not any(map(leads_out, model.files))
    for ref in found.refs:
        assert all(math.isfinite(accuracy.value) for accuracy in ref.accuracies)
    for problem in found.problems:
        assert "\n" not in problem.message
    repr(found).encode()


def listings(data: st.DataObject) -> None:
    """Any bytes are a page or refused, and each of its entries a model or a problem."""
    page = data.draw(
        st.binary(max_size=80)
        | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass"))
        | st.lists(tree(KEYS), max_size=4).map(lambda page: json.dumps(page).encode())
    )
    cut = data.draw(st.none() | st.integers(0, 80))
    with suppress(CheckpointError):
        for each in entries(page[:cut], "here"):
            described(hub_model(each))


def trees(data: st.DataObject) -> None:
    """Any tree of files names none outside of the repository."""
    keys = st.sampled_from(["type", "path", "size", "oid", "lfs"])
    row = st.fixed_dictionaries({"type": st.just("file") | SCALARS, "path": FILES | SCALARS})
    pages = data.draw(st.lists(st.lists(row | tree(keys), max_size=4), max_size=3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repository, "pages", lambda *arguments, **options: pages)
        names = repository.Repository(HubAccess("http://localhost"), "me/net", "0" * 40).names()
    assert not any(map(leads_out, names))
    assert all(isinstance(name, str) for name in names)


PARSERS: dict[str, Callable[..., None]] = {
    each.__name__: each for each in (descriptions, listings, trees)
}


@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_only_our_own_errors_come_out(parser: Callable[..., None], tmp_path: Path) -> None:
    fuzz(parser, tmp_path, FEW)


@pytest.mark.exhaustive
@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_only_our_own_errors_come_out_of_many(parser: Callable[..., None], tmp_path: Path) -> None:
    fuzz(parser, tmp_path, MANY)
