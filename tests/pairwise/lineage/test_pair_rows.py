"""Rows of pairs and back: what a store has of pairs is as good as their weights."""

from dataclasses import replace
from itertools import combinations

from tests.support import family_tree as family
from zoo_analysis.pairwise.lineage.kinship import kinship
from zoo_analysis.pairwise.lineage.pair_rows import METHOD, kinship_of, pair_rows
from zoo_analysis.pairwise.lineage.relatives import compared_rows, judged, kinship_rows
from zoo_analysis.sources import ModelRef
from zoo_analysis.store.row_kinds.kinship_row import KinshipRow

KEY = KinshipRow(
    repo_id_a="zoo/a", revision_a="r", repo_id_b="zoo/b", revision_b="r", measure="kinship"
)


def test_a_kinship_is_what_its_rows_say() -> None:
    net = family.stack(0)
    others = (family.stack(1), family.quantised(net), family.permuted(net), family.stack(2, (9, 5)))
    for other in others:
        found = kinship(family.print_of(net), family.print_of(other))
        rows = pair_rows(KEY, found, (1.5, 2.5))
        back = kinship_of(rows)
        assert rows[-1].value == 1.0
        assert {row.method for row in rows} == {METHOD}
        if found.test is not None and back.test is not None:
            assert abs(back.test.log_p - found.test.log_p) <= 1e-12 * abs(found.test.log_p)
            back = replace(back, test=found.test)
        assert replace(back, reasons=()) == replace(found, reasons=())
        assert "; ".join(back.reasons) == "; ".join(found.reasons)


def test_families_of_stored_rows_are_those_of_weights() -> None:
    x, y = family.digits()
    base = family.trained(family.stack(0), x, y, 60, 0)
    tuned = family.trained(base, x, y, 40, 1, lr=1e-3)
    nets = [base, family.pruned(base), family.permuted(base), family.stack(1), tuned]
    refs = [ModelRef(f"zoo/{i}", "r", "", "local", 0) for i in range(len(nets))]
    prints = [family.print_of(net) for net in nets]
    whole = kinship_rows(refs, prints)
    # Of four models the store has what it was told when there were no more; the fifth is new.
    earlier = kinship_rows(refs[:4], prints[:4])
    rows = {
        (i, j): compared_rows(refs[i], refs[j], prints[i], prints[j])
        if j == 4
        else [r for r in earlier if (r.repo_id_a, r.repo_id_b) == (f"zoo/{i}", f"zoo/{j}")]
        for i, j in combinations(range(5), 2)
    }
    assert judged(refs, rows) == whole
    assert {row.related for row in whole if row.measure == "spearman"} == {True, False}
