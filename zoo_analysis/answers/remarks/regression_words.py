"""A regression in words: how well a metric orders models, and whether chance may do as well."""

from collections.abc import Mapping
from typing import Any, Final

from zoo_analysis.texts import typeset

#: False discovery rate below which a correlation is said to be seen.
_SEEN: Final = 0.05
#: Fewest shufflings out of which one can be told: below, the chance is “less than”.
_SHUFFLED: Final = 10_000


def told_of_regression(row: Mapping[str, Any]) -> str:
    """A row of `regress` in a sentence.

    For example: ``log_alpha_norm orders the 8 models of vgg by accuracy, as theory says (lower is
    better): τ −0.93 (−1.00 to −0.60); R² 0.88 (0.45 to 0.97), by chance 1 in 600``.

    The chance is that of so large an R². A metric “orders” models where the chance, corrected for
    all that were tried (`q`), is below 1 in 20 and the interval of τ leaves out 0, and “may order”
    them where the interval does not. Where only the chance of this one alone is as small, that is
    said, and no order.

    Args:
        row: a series (None: of no series), metric, n, and the statistics; null where unknown.
    """
    models = f"the {row['n']} models of {row['series'] or 'no series'}"
    tau, chance = row["kendall_tau"], row["perm_p"]
    if tau is None or chance is None:
        return f"{row['metric']} says nothing of {models}: {row['flags'] or 'it is constant'}."
    low, high = row["tau_low"], row["tau_high"]
    ordered = low is not None and high is not None and low * high > 0
    corrected = chance if row["q"] is None else row["q"]
    if corrected >= _SEEN:
        told = f"{row['metric']} does not go with the accuracy of {models} better than chance may"
        told += ", once all that were tried are counted" if chance < _SEEN else ""
    else:
        order = "orders" if ordered else "may order"
        way = "as theory says (lower is better)" if tau < 0 else "against theory (higher is better)"
        told = f"{row['metric']} {order} {models} by accuracy, {way}"
    told += f": τ {_signed(tau)}{_interval(row, 'tau', _signed)}; R² "
    told += f"{row['r2']:.2f}{_interval(row, 'r2', '{:.2f}'.format)}, {_chance(chance)}"
    if chance < _SEEN and row["q"] is not None:
        told += f"; of all that were tried, q {typeset(f'{corrected:.2g}')}"
    return f"{told}." + (f" Beware: {row['flags']}." if row["flags"] else "")


def _chance(p: float) -> str:
    if p > 0.1:
        return f"by chance {100 * p:.0f} in 100"
    odds = 1 / p
    if odds > _SHUFFLED:
        return f"by chance less than 1 in {_SHUFFLED:,}"
    return f"by chance 1 in {float(f'{odds:.2g}'):,.0f}"


def _signed(value: float) -> str:
    return typeset(f"{value:+.2f}")


def _interval(row: Mapping[str, Any], name: str, form: Any) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "" if low is None or high is None else f" ({form(low)} to {form(high)})"
