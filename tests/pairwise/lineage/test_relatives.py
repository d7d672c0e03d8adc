"""A family trained here: who is kin, which came from which, and strangers."""

from itertools import combinations

import pytest

from tests.support import family_tree as family
from zoo_analysis.pairwise.lineage.relatives import kinship_rows
from zoo_analysis.sources import ModelRef
from zoo_analysis.store.row_kinds.kinship_row import KinshipRow

Rows = dict[tuple[str, str], KinshipRow]


def _ref(name: str, base: str | None = None) -> ModelRef:
    return ModelRef(f"zoo/{name}", "r", "", "local", 0, base_model=base)


@pytest.fixture(scope="module")
def rows() -> list[KinshipRow]:
    x, y = family.digits()
    base = family.trained(family.stack(0), x[:900], y[:900], 200, 0)
    tuned = family.trained(base, x[900:], (y[900:] + 3) % 10, 100, 1, lr=1e-3)
    models = {
        "base": (base, None),
        "tuned": (tuned, "owner/base"),
        "again": (family.trained(tuned, x[900:].flip(1), y[900:], 100, 2, lr=1e-3), "owner/tuned"),
        "pruned": (family.pruned(base), None),
        "int8": (family.quantised(tuned), None),
        "order": (family.permuted(base, rescaled=True), None),
        "other": (family.trained(family.stack(1), x[:900], y[:900], 200, 3), "owner/base"),
    }
    refs = [_ref(name, told) for name, (_, told) in models.items()]
    return kinship_rows(refs, [family.print_of(net) for net, _ in models.values()])


@pytest.fixture(scope="module")
def kin(rows: list[KinshipRow]) -> Rows:
    return {(row.repo_id_a[4:], row.repo_id_b[4:]): row for row in rows if row.measure == "kinship"}


def test_all_that_came_from_one_are_kin_and_the_stranger_is_not(kin: Rows) -> None:
    assert len(kin) == 21
    for pair, row in kin.items():
        assert row.related == ("other" not in pair), pair


def test_units_in_place_are_told_with_their_chance(rows: list[KinshipRow]) -> None:
    units = {(r.repo_id_a[4:], r.repo_id_b[4:]): r for r in rows if r.measure == "units"}
    assert units["base", "tuned"].value == 1
    assert units["base", "tuned"].log10_p < -100
    assert units["base", "order"].value < 0.1  # another order is not seen by it
    assert units["base", "other"].p_holm > 0.01
    assert all(row.n == 144 and row.layers == 2 for row in units.values())


def test_the_tree_is_that_by_which_they_were_made(kin: Rows) -> None:
    parents = {
        (set(pair) - {row.parent[4:]}).pop(): row.parent[4:]
        for pair, row in kin.items()
        if row.parent
    }
    made = {"tuned": "base", "pruned": "base", "int8": "tuned", "again": "tuned"}
    assert {child: parent for child, parent in parents.items() if child != "order"} == made
    assert sum(bool(row.step) for row in kin.values()) == 5
    assert kin["base", "order"].step


def test_declarations_are_taken_over_several_steps(kin: Rows) -> None:
    declared = {pair for pair, row in kin.items() if row.declared == "parent"}
    assert declared == {("base", "tuned"), ("again", "tuned"), ("base", "other")}
    told_kin = {pair for pair, row in kin.items() if row.declared == "kin"}
    assert told_kin == {("again", "base"), ("again", "other"), ("other", "tuned")}


def test_a_copy_in_another_order_tells_no_direction() -> None:
    net = family.stack(0)
    prints = [family.print_of(net), family.print_of(family.permuted(net))]
    row = kinship_rows([_ref("a"), _ref("b")], prints)[-1]
    assert row.related
    assert row.step
    assert row.parent is None


def test_models_without_a_layer_in_common_are_not_judged() -> None:
    prints = [family.print_of(family.stack(0, (64, 32, 10))), family.print_of(family.stack(1))]
    (row,) = kinship_rows([_ref("a"), _ref("b")], prints)
    assert row.measure == "kinship"
    assert row.related is None
    assert "no layer with hidden units of its own" in row.reason


def test_strangers_on_the_same_images_raise_no_alarm() -> None:
    # The exhaustive form of this, with a thousand pairs, is in test_lineage_trees.py.
    x, y = family.digits()
    nets = [family.trained(family.stack(i), x, y, 40, i) for i in range(12)]
    rows = kinship_rows([_ref(str(i)) for i in range(12)], [family.print_of(net) for net in nets])
    pairs = [row for row in rows if row.measure == "kinship"]
    assert len(pairs) == len(list(combinations(nets, 2)))
    assert not any(row.related for row in pairs)
