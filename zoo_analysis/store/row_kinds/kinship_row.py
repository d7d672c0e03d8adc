"""A pair of models under one measure of kinship, as the table `lineage` keeps it."""

from dataclasses import dataclass

from zoo_analysis.texts import clean


@dataclass(frozen=True, kw_only=True)
class KinshipRow:
    """One measure of a pair's kinship, or what they amount to.

    Attributes:
        repo_id_a: one model; a comes before b by name and revision.
        revision_a: its revision.
        repo_id_b: the other.
        revision_b: its revision.
        measure: ``units`` in place; ``spearman``, the same test as published; ``aligned_cka``;
            ``distance``; ``changed``, the share of layers that differ; ``coarser``, 1 where b was
            made of a by rounding or pruning, −1 where a of b; or ``kinship``, what they amount to.
        value: of the measure; of kinship the kurtosis of b less that of a.
        p_value: of a test, that it comes out so by chance; 0 below 10⁻³⁰⁸.
        log10_p: its logarithm, which does not underflow.
        p_holm: adjusted for all pairs of the run, by Holm's method; 0 below 10⁻³⁰⁸. Null, as are
            `related` and all that follows from it, until the run that computes the pair is over.
        n: units that were matched.
        layers: that the number is of.
        related: whether the measure calls them kin; None where it does not judge, or cannot.
        step: whether the tree of their family joins the two.
        parent: repo_id of the one that the other came from; None where nothing tells.
        declared: what their cards say: ``parent`` of one that it came from the other, ``kin`` of
            models that have an ancestor in common.
        reason: why a number is missing.
        kurtosis_a: excess kurtosis of the entries of a's layers, summed; of kinship alone.
        kurtosis_b: likewise of b.
        note: layers of either that nothing here is of, and why; of kinship alone.
        method: by which all this was computed, see `pairwise.lineage.pair_rows.METHOD`.
    """

    repo_id_a: str
    revision_a: str
    repo_id_b: str
    revision_b: str
    measure: str
    value: float | None = None
    p_value: float | None = None
    log10_p: float | None = None
    p_holm: float | None = None
    n: int | None = None
    layers: int | None = None
    related: bool | None = None
    step: bool | None = None
    parent: str | None = None
    declared: str | None = None
    reason: str | None = None
    kurtosis_a: float | None = None
    kurtosis_b: float | None = None
    note: str | None = None
    method: str | None = None

    def __post_init__(self) -> None:
        clean(self)
