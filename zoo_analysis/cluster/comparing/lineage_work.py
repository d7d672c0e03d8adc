"""The pairs of a comparison of lineages: known, not comparable, or still to be computed."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any, Final

from zoo_analysis.cluster.commits import RunWriter
from zoo_analysis.cluster.comparing.lineage_reading import ModelReader
from zoo_analysis.cluster.scanning.batches import expected_seconds
from zoo_analysis.pairwise.lineage.fingerprint import left_out_words, model_outline
from zoo_analysis.pairwise.lineage.kinship import apart
from zoo_analysis.pairwise.lineage.outline import Outline, comparable
from zoo_analysis.pairwise.lineage.pair_rows import MEASURES, METHOD, pair_rows
from zoo_analysis.pairwise.lineage.relatives import Pair, key_of
from zoo_analysis.sources import ModelRef
from zoo_analysis.store import Store
from zoo_analysis.store.row_kinds.kinship_row import KinshipRow

_KNOWN: Final = """
FROM lineage WHERE method = $method
    AND repo_id_a IN (SELECT unnest($some)) AND repo_id_b IN (SELECT unnest($models))
"""
#: Models whose pairs are asked for at a time.
_AT_ONCE: Final = 100
#: Seconds of a pair, and for each cube of a dimension of the stream that both have.
_PAIR, _DIMENSION = 0.03, 2e-10

Rows = dict[Pair, list[KinshipRow]]


@dataclass
class LineageWork:
    """Pairs of models, by their places.

    Attributes:
        refs: the models, in the order of names and revisions.
        rows: of pairs that need no weights: those that the store has, and those without a layer in
            common.
        missing: pairs to be computed.
        outlines: of the models of these.
        known: pairs that the store has.
        incompatible: pairs without a layer of one name and shape, found now.
        failed: places of models that could not be opened.
    """

    refs: list[ModelRef]
    rows: Rows
    missing: list[Pair]
    outlines: dict[int, Outline]
    known: int
    incompatible: int
    failed: frozenset[int]

    @property
    def models(self) -> list[int]:
        """Places of the models that are to be read."""
        return sorted({place for pair in self.missing for place in pair})

    @property
    def seconds(self) -> float:
        """Seconds that one process takes for it: a rough guess."""
        reading = expected_seconds(self.refs[place] for place in self.models)
        return reading + sum(self.pair_seconds(pair) for pair in self.missing)

    def pair_seconds(self, pair: Pair) -> float:
        """Seconds that a pair takes, whose streams are matched as an assignment problem."""
        width = min(self.outlines[place].width for place in pair)
        return _PAIR + _DIMENSION * width**3


def lineage_work(
    refs: Sequence[ModelRef],
    writer: RunWriter[Any],
    reader: ModelReader,
) -> LineageWork:
    """The pairs of models; of those of which a pair is not known the headers are read.

    Args:
        refs: the models, with their revisions.
        writer: of the run.
        reader: of models.
    """
    refs = sorted(refs, key=lambda ref: (ref.repo_id, ref.revision or ""))
    rows = _known_rows(writer.store, refs)
    lacking = [pair for pair in combinations(range(len(refs)), 2) if pair not in rows]
    outlines: dict[int, Outline] = {}
    opened = {place: refs[place] for place in sorted({place for pair in lacking for place in pair})}
    reader.each(model_outline, opened, outlines.__setitem__)
    failed = opened.keys() - outlines.keys()
    known, missing = len(rows), []
    for i, j in lacking:
        if i not in outlines or j not in outlines:
            continue
        if comparable(outlines[i], outlines[j]):
            missing.append((i, j))
        else:
            rows[i, j] = _rows_apart(refs[i], refs[j], outlines[i], outlines[j])
    apart_now = len(rows) - known
    return LineageWork(refs, rows, missing, outlines, known, apart_now, frozenset(failed))


def _rows_apart(ref_a: ModelRef, ref_b: ModelRef, a: Outline, b: Outline) -> list[KinshipRow]:
    notes = []
    for ref, outline in ((ref_a, a), (ref_b, b)):
        layers = len(outline.specs) + sum(map(len, outline.left_out.values()))
        if words := left_out_words(layers, outline.left_out):
            notes.append(f"{ref.repo_id}: {words}")
    return pair_rows(key_of(ref_a, ref_b), apart(a, b), (None, None), "; ".join(notes))


def _known_rows(store: Store, refs: Sequence[ModelRef]) -> Rows:
    """Rows that the store has of pairs of these revisions, by this method; `kinship` last."""
    places = {(ref.repo_id, ref.revision): place for place, ref in enumerate(refs)}
    names = [field.name for field in fields(KinshipRow)]
    models = sorted({ref.repo_id for ref in refs})
    found: Rows = {}
    for start in range(0, len(models), _AT_ONCE):
        asked = {"method": METHOD, "models": models, "some": models[start : start + _AT_ONCE]}
        for row in store.run(_KNOWN, asked).select(names).to_pylist():
            a = places.get((row["repo_id_a"], row["revision_a"]))
            b = places.get((row["repo_id_b"], row["revision_b"]))
            if a is not None and b is not None:
                found.setdefault((a, b), []).append(KinshipRow(**row))
    for of in found.values():
        of.sort(key=lambda row: MEASURES.index(row.measure))
    return {pair: of for pair, of in found.items() if of[-1].measure == "kinship"}
