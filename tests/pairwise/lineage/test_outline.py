"""What kinship is told by is chosen by headers, and what is left out is counted by its reason."""

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from tests.support import family_tree as family
from zoo_analysis.pairwise.lineage.fingerprint import model_outline
from zoo_analysis.pairwise.lineage.kinship import kinship
from zoo_analysis.pairwise.lineage.outline import comparable
from zoo_analysis.sources import ModelRef


def _ref(path: Path) -> ModelRef:
    return ModelRef("zoo/net", "r", str(path), "local", 0)


def test_an_adapter_has_updates_alone_and_is_comparable_to_nothing(tmp_path: Path) -> None:
    net = family.stack(0)
    base = model_outline(_ref(family.saved(net, tmp_path / "base")))
    get_peft_model(net, LoraConfig(target_modules=["0", "2"])).save_pretrained(tmp_path / "lora")
    adapter = model_outline(_ref(tmp_path / "lora"))
    assert adapter.specs == ()
    assert {why: len(names) for why, names in adapter.left_out.items()} == {
        "update of an adapter": 2
    }
    assert base.left_out == {}
    assert not comparable(base, adapter)


def test_models_are_comparable_by_one_layer_of_one_name_and_shape(tmp_path: Path) -> None:
    first, other, apart = (
        model_outline(_ref(family.saved(family.stack(0, widths), tmp_path / str(i))))
        for i, widths in enumerate([(64, 96, 48, 10), (64, 96, 20), (32, 96, 10)])
    )
    assert comparable(first, other)
    assert not comparable(first, apart)
    assert first.width == 96


def test_matrices_that_are_not_finite_are_named() -> None:
    net = family.stack(0)
    broken = family.stack(1)
    assert isinstance(broken[2], nn.Linear)
    with torch.no_grad():
        broken[2].weight[0, 0] = torch.nan
    found = family.print_of(broken)
    assert found.remark == "lineage leaves out 1 of 3 matrices (1 not finite: 2)"
    assert family.print_of(net).remark == ""
    assert kinship(family.print_of(net), found).shared_layers == 2


def test_matrices_of_one_value_tell_of_no_kinship_and_are_named() -> None:
    zeros, ones = family.stack(0), family.stack(1)
    with torch.no_grad():
        for net, value in ((zeros, 0.0), (ones, 1.0)):
            for parameter in net.parameters():
                parameter.fill_(value)
    prints = [family.print_of(net) for net in (zeros, zeros, ones, family.stack(2))]
    assert prints[0].remark == (
        "lineage leaves out 3 of 3 matrices (3 of one value throughout: 0, 2, 4)"
    )
    for other in prints[1:]:
        found = kinship(prints[0], other)
        assert (found.test, found.aligned, found.distance) == (None, None, None)
