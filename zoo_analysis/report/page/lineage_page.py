"""The page of lineage: which models came from which, by weights, beside what their cards say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from zoo_analysis.report.figures.kinship_tree import lineage as tree
from zoo_analysis.report.figures.theme import counted
from zoo_analysis.report.page.cell_texts import link, shown_number, shown_numbers, shown_power
from zoo_analysis.report.page.markup import Column, Crumbs, page
from zoo_analysis.report.page.picture import Picture
from zoo_analysis.store import Store, get_query

#: Rows of each table.
_LISTED: Final = 500
_AMONG: Final = "repo_id_a IN (SELECT unnest($models)) AND repo_id_b IN (SELECT unnest($models))"
#: Each two models once, by the revisions of them that were compared last.
_PAIRS: Final = """
FROM {rows} WHERE {among}
QUALIFY row_number() OVER (
    PARTITION BY repo_id_a, repo_id_b ORDER BY computed_at DESC, revision_a, revision_b
) = 1
"""
_AGREEMENT: Final = "SELECT declared, related, count(*) AS pairs FROM ({pairs}) GROUP BY ALL"
_MODELS: Final = """
WITH pairs AS ({pairs})
SELECT count(*) AS n FROM (SELECT repo_id_a FROM pairs UNION SELECT repo_id_b FROM pairs)
"""
_LIST: Final = """
SELECT *, count(*) OVER () AS of FROM ({pairs}) WHERE {chosen} ORDER BY {order} LIMIT {limit}
"""
#: Rows of each table, and their order.
_STEPS: Final = ("step", "coalesce(parent, repo_id_a), parent IS NULL, repo_id_a, repo_id_b")
_UNDECLARED: Final = (
    "related AND declared IS NULL",
    "distance NULLS LAST, repo_id_a, repo_id_b",
)
_UNRELATED: Final = (
    "declared IS NOT NULL AND related IS DISTINCT FROM true",
    "declared = 'kin', repo_id_a, repo_id_b",
)
#: Headings of `kin_cells`.
KIN: Final = (
    Column("Distance", "0 of copies, about √2 of strangers", right=True),
    Column("In place", "share of hidden units that match at their own places", right=True),
    Column("p", "that the two are independent, by these units", right=True),
    Column("Aligned CKA", right=True),
    Column("Cards"),
)
_PAIR: Final = (
    Column("Model"),
    Column("Other model"),
    Column("Came from it", "in the tree, as far as weights tell which came from which"),
    *KIN,
)
_SAID: Final = (*_PAIR, Column("By weights", prose=True))
_AGREE: Final = (
    Column("Cards"),
    *(Column(name, right=True) for name in ("Kin by weights", "No kin", "Cannot be told")),
)
#: What `declared` says of two models.
_CARDS: Final = {
    "parent": "one is the other's base",
    "kin": "an ancestor in common",
    None: "say nothing of it",
}

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Lineages:
    """The lineage of a report's models.

    Attributes:
        models: that were compared.
        agreement: how many pairs there are of each `declared` and `related`.
        steps: pairs that a family's tree joins; of these and of the others the first alone.
        undeclared: pairs that are kin, of which no card says so.
        unrelated: pairs that cards call kin, and are not, or of which weights cannot tell.
    """

    models: int
    agreement: Rows
    steps: Rows
    undeclared: Rows
    unrelated: Rows

    @classmethod
    def ask(cls, store: Store, site: Crumbs, where: str | None) -> "Lineages":
        """That of a store.

        Args:
            store: that is asked.
            site: of the report.
            where: the condition on its models: pairs with others do not count.
        """
        among = "true" if where is None else _AMONG
        pairs, bare = (
            _PAIRS.format(rows=rows, among=among)
            for rows in ("raw.kinship", "(FROM lineage WHERE measure = 'kinship')")
        )
        asked = {} if where is None else {"models": [*site.models]}

        def listed(chosen: str, order: str) -> Rows:
            query = _LIST.format(pairs=pairs, chosen=chosen, order=order, limit=_LISTED)
            rows: Rows = store.run(query, asked).to_pylist()
            return rows

        return cls(
            store.run(_MODELS.format(pairs=bare), asked)["n"][0].as_py(),
            store.run(_AGREEMENT.format(pairs=bare), asked).to_pylist(),
            *(listed(*each) for each in (_STEPS, _UNDECLARED, _UNRELATED)),
        )

    @property
    def in_words(self) -> str:
        """Counts of pairs in a sentence; empty where there are none."""
        if not self.agreement:
            return ""
        counts = {(row["declared"], row["related"]): row["pairs"] for row in self.agreement}
        kin = sum(n for (_, related), n in counts.items() if related)
        wrong = sum(n for (said, found), n in counts.items() if said and found is False)
        unknown = sum(n for (_, related), n in counts.items() if related is None)
        told = f"{counted(self.models, 'model')} compared by their weights, "
        told += f"{counted(sum(counts.values()), 'pair')}: {kin:,} kin"
        told += f", {counts.get((None, True), 0):,} of them by no card" if kin else ""
        told += f"; {wrong:,} kin by cards and not by weights" if wrong else ""
        told += f"; of {unknown:,} it cannot be told" if unknown else ""
        return f"{told}."


def lineage_files(
    found: Lineages, store: Store, site: Crumbs, where: str | None
) -> Iterator[tuple[str, str | bytes]]:
    """Names and texts of the files of the page of lineage.

    Args:
        found: the lineage of its models.
        store: that is asked for the figure, which is of all models.
        site: of the report.
        where: the condition on its models.
    """
    statements = ["zoo plot lineage"]
    if picture := Picture.of_all(tree, store, where, "figures/lineage.png", statements):
        yield picture.address, picture.png
    yield (
        "lineage.html",
        page(
            "lineage",
            "lineage.html",
            site,
            told=found.in_words,
            some=where is not None,
            picture=picture,
            agree_columns=_AGREE,
            agreement=_agreement(found.agreement),
            steps=_rows(found.steps, site),
            steps_text=_caption(found.steps, "step"),
            pair_columns=_PAIR,
            undeclared=_rows(found.undeclared, site),
            undeclared_text=_caption(found.undeclared, "pair"),
            undeclared_sql=_statements("undeclared-relatives"),
            said_columns=_SAID,
            unrelated=[
                [*cells, "no kin" if row["related"] is False else row["reason"]]
                for cells, row in zip(_rows(found.unrelated, site), found.unrelated, strict=True)
            ],
            unrelated_text=_caption(found.unrelated, "pair"),
            unrelated_sql=_statements("declared-but-unrelated"),
        ),
    )


def kin_cells(rows: Rows) -> list[tuple[str, ...]]:
    """Distance, units in place, p, aligned CKA and what cards say, of each of some pairs.

    Args:
        rows: of `kinship`.
    """
    columns = (
        shown_numbers([row["distance"] for row in rows]),
        shown_numbers([row["units_in_place"] for row in rows]),
        [shown_power(row["log10_p"]) for row in rows],
        shown_numbers([row["aligned_cka"] for row in rows]),
        [_CARDS[row["declared"]] for row in rows],
    )
    return list(zip(*columns, strict=True))


def _rows(rows: Rows, site: Crumbs) -> list[list[Any]]:
    """Cells of pairs, first who came from the other, where that is told."""
    told = []
    for row, cells in zip(rows, kin_cells(rows), strict=True):
        ends = sorted((row["repo_id_a"], row["repo_id_b"]), key=lambda name: name == row["parent"])
        names = [link(site.models.get(name), name) for name in ends]
        way = "yes" if row["parent"] is not None else "not told" if row["step"] else ""
        told.append([*names, way, *cells])
    return told


def _agreement(rows: Rows) -> list[list[str]]:
    counts = {(row["declared"], row["related"]): row["pairs"] for row in rows}
    return [
        [words, *(shown_number(counts.get((said, found), 0)) for found in (True, False, None))]
        for said, words in _CARDS.items()
    ]


def _caption(rows: Rows, noun: str) -> str:
    count = rows[0]["of"] if rows else 0
    return counted(count, noun) + (f", of which {len(rows):,} are listed" * (count > len(rows)))


def _statements(question: str) -> list[str]:
    return [get_query(question).sql, f"zoo query {question}"]
