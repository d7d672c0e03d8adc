"""Layers of a model and its base: by name and shape, and what is alone is said."""

from dataclasses import replace

from zoo_analysis.measure.deltas.partners import partners
from zoo_analysis.weights import LayerSpec


def _spec(layer: str, out: int = 8, into: int = 4, rank: int | None = None) -> LayerSpec:
    kind = "lora" if rank else "linear"
    return LayerSpec(
        layer, (f"{layer}.weight",), kind, "other", 0, (out, into), "float32", rank=rank
    )


def test_names_and_shapes_decide() -> None:
    base = [_spec("a"), _spec("b"), _spec("head", 10)]
    found = partners([_spec("a"), _spec("new"), _spec("head", 3)], base)
    assert [(s.layer, o.layer) for s, o in found.pairs] == [("a", "a")]
    assert [s.layer for s in found.added] == ["new", "head"]
    assert [s.layer for s in found.dropped] == ["b", "head"]


def test_a_prefix_is_passed_over_where_only_one_layer_can_be_meant() -> None:
    found = partners([_spec("model.h.0.fc")], [_spec("h.0.fc"), _spec("h.1.fc")])
    assert [(s.layer, o.layer) for s, o in found.pairs] == [("model.h.0.fc", "h.0.fc")]
    assert [s.layer for s in found.dropped] == ["h.1.fc"]
    twice = partners([_spec("fc")], [_spec("h.0.fc"), _spec("h.1.fc")])
    assert not twice.pairs


def test_an_update_belongs_to_what_it_is_added_to_and_an_adapter_drops_nothing() -> None:
    base = [_spec("q"), _spec("k"), replace(_spec("c", 8, 4), kind="conv2d", shape=(8, 2, 1, 2))]
    found = partners([_spec("q", rank=2), _spec("c", rank=2)], base)
    assert [o.layer for _, o in found.pairs] == ["q", "c"]
    assert found.adapter
    assert found.dropped == ()


def test_a_convolution_of_another_grouping_is_another_shape() -> None:
    conv = replace(_spec("c"), kind="conv2d", shape=(8, 4, 3, 3))
    assert not partners([conv], [replace(conv, groups=2, shape=(8, 4, 3, 3))]).pairs
