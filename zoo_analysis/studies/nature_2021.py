"""Regressions of reported errors on weight metrics: the tables of Martin, Peng & Mahoney 2021."""

from collections.abc import Sequence
from dataclasses import replace

from zoo_analysis.store.records import table_of
from zoo_analysis.studies.analysis.estimate import Estimate, outcome
from zoo_analysis.studies.study import Outcome, Setting
from zoo_analysis.studies.trends.authors_files import fetch_all, kept_tables
from zoo_analysis.studies.trends.lead import Families, Lead
from zoo_analysis.studies.trends.printed_cells import (
    INFERRED,
    OUTLIERS,
    Cell,
    agree,
    large_scale_cells,
)
from zoo_analysis.studies.trends.published import large_scale, table_1, table_2
from zoo_analysis.studies.trends.published_models import published_models
from zoo_analysis.studies.trends.series import series_cells

_PLAIN = "log_norm"
_POWER_LAW = ("alpha_weighted", "log_alpha_norm")
#: Statistics of which a smaller one is the better fit.
_ERRORS = ("rmse",)
_LEVEL = 0.05

REMARKS = (
    "As the authors' notebook has them: the outliers that it leaves out, families of four models "
    "and more, τ-b, and as log spectral norm the natural logarithm of the mean λmax.",
    f"Inferred, since only so every digit comes out: {', '.join(sorted(INFERRED))} are left out of "
    "ImageNet's ResNets.",
    "Not to be had from the published files: Table 1's row ResNet-1K, whose averages were computed "
    "anew and differ, and R² 0.9 of ResNet's log α-norm, where the data give 0.95; of Table 2 the "
    "row GPT. Its averages include the embeddings, against the caption; gpt2-small leaves out one.",
    "The printed summary (R² “mean 3.9”) averages the rows of a describe(), counts and quartiles "
    "among them; the means over families are those of the second table.",
)


def run(setting: Setting) -> Outcome:
    """The outcome of the study: every printed figure recomputed, and the lead of power-law metrics.

    Args:
        setting: the circumstances; `data` is a folder with the authors' tables, which are fetched
            where it is None.

    Raises:
        SourceError: tables that cannot be fetched, or are not the published ones.
    """
    folder = setting.data or fetch_all(kept_tables(setting.cache))
    models = published_models(folder)
    large, small = large_scale_cells(models), series_cells(folder)
    as_told = agree(large_scale_cells(models, OUTLIERS), large_scale())
    found = Families(large)
    leads = found.leads()
    told = f"{agree(large, large_scale())} of {len(large)} figures agree to the printed digit"
    told += f" ({as_told} with the notebook's own outliers)"
    if small:
        printed = [*table_1(), *table_2()]
        told += f", and {agree(small, printed)} of {len(small)} of Tables 1 and 2"
    seen, sentence = judged(leads)
    done = outcome([*found.means(), *_estimates(found, leads)], seen, f"{told}. {sentence}")
    return replace(done, cells=table_of(Cell, [*large, *small]), remarks=REMARKS)


def judged(leads: Sequence[Lead]) -> tuple[bool, str]:
    """True where power-law metrics fit better than a plain norm, by all statistics after Holm.

    Args:
        leads: of all pairs of metrics.
    """
    ours = [lead for lead in leads if lead.over == _PLAIN and lead.metric in _POWER_LAW]
    ahead = [lead for lead in ours if lead.adjusted_p < _LEVEL and _better(lead)]
    best = next(x for x in ours if x.metric == "log_alpha_norm" and x.statistic == "r2")
    numbers = (
        f"in R² the log α-norm is {best.value:+.2f} above the Frobenius norm "
        f"({best.low:+.2f} to {best.high:+.2f}; p = {best.p_value:.2f} alone, "
        f"{best.adjusted_p:.2f} after Holm, as in the table)"
    )
    if len(ahead) == len(ours):
        return True, f"The lead of the power-law metrics over a plain norm holds: {numbers}."
    which = (
        ", but for " + " and ".join(f"{x.statistic} of {x.metric}" for x in ahead) if ahead else ""
    )
    return False, (
        "The lead of the power-law metrics over a plain norm cannot be told from nothing"
        f"{which}: {numbers}."
    )


def _better(lead: Lead) -> bool:
    return (lead.value < 0) == (lead.statistic in _ERRORS)


def _estimates(found: Families, leads: Sequence[Lead]) -> list[Estimate]:
    """Leads with p-values by Holm, and of those that decide the range without any one family."""
    n, out = len(found.names), []
    for lead in leads:
        group, quantity = f"{lead.metric} − {lead.over}", f"mean {lead.statistic}"
        told = lead.value, lead.low, lead.high
        out.append(Estimate(group, quantity, "difference", n, *told, lead.adjusted_p))
        if lead.over == _PLAIN and lead.metric in _POWER_LAW:
            told = lead.value, *found.spread(lead)
            out.append(Estimate(group, quantity, "difference without a family", n, *told))
    return out
