"""Percents: what is a share of a whole, and what cannot be one; the same for every source."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from zoo_analysis.errors import SourceError
from zoo_analysis.store.row_kinds.accuracy import Accuracy

#: Metrics that are fractions of a whole, by the names that cards and tables give them.
_SHARE: Final = re.compile(
    r"acc|top.?\d|f1|precision|recall|exact.?match|pass@|iou|map\b|mrr|ndcg|bleu|rouge", re.I
)
#: Words that make another quantity of such a name: the threshold of an accuracy is a similarity.
_NO_SHARE: Final = re.compile(
    r"threshold|loss|perplexity|runtime|latency|seconds?\b|count|number|epoch|temperature", re.I
)


def is_share(metric: str) -> bool:
    """True for a metric that is a fraction of a whole, by its name in a card or table."""
    return bool(_SHARE.search(metric)) and not _NO_SHARE.search(metric)


def percent(metric: str, value: float) -> float:
    """The value that a card reports, in percent where its metric is a share of a whole.

    Cards report accuracies as fractions (Transformers' Trainer) or as percentages (most papers'
    tables) and do not say which. A share of at most 1 is read as a fraction: an accuracy below
    one percent is not a thing anybody reports. Other metrics (losses, perplexities) are kept.
    Tables are in percent, and one that is not is refused: see `check_unit`.

    Args:
        metric: its name in the card.
        value: as reported.

    Returns:
        The value, times 100 where it was a fraction.
    """
    return value * 100 if is_share(metric) and 0 <= value <= 1 else value


def check_percent(value: float, where: str) -> None:
    """Refuse a number that cannot be a percentage of a whole.

    Args:
        value: as the table has it.
        where: its table, row and column, for errors.

    Raises:
        SourceError: it is below 0, above 100 or no number.
    """
    if not 0 <= value <= 100:
        raise SourceError(f"{where}: {value:g} is not within 0 and 100 percent; correct the table")


class Percent(float):
    """A number that was written with a percent sign, so that it is no fraction."""


def check_unit(values: Mapping[str, float | None], where: str) -> None:
    """Refuse a column of percent that holds fractions: not one value in it is above 1.

    Args:
        values: of the column by row, in percent unless they are fractions.
        where: its table and name, for errors.

    Raises:
        SourceError: all are at most 1; names the first of them.
    """
    numbers = {row: value for row, value in values.items() if value is not None}
    if numbers and max(numbers.values()) <= 1 and any(numbers.values()):
        row, value = next(iter(numbers.items()))
        raise SourceError(
            f"{where}: no value is above 1 ({row}: {value:g}), so they seem to be fractions; "
            "write percent, and errors below one percent as accuracies"
        )


def check_shares(accuracies: Iterable[Accuracy], where: str) -> None:
    """Refuse shares that are no percents: outside their range, or fractions all of them.

    Args:
        accuracies: of one source, in percent where their metric is a share.
        where: the source, for errors.

    Raises:
        SourceError: names the first model with such a number.
    """
    columns: dict[str, dict[str, float | None]] = {}
    for each in accuracies:
        if is_share(each.metric):
            check_percent(each.value, f"{where}: {each.metric} of {each.repo_id}")
            if not isinstance(each.value, Percent):
                row = f"{each.repo_id} on {each.dataset}"
                columns.setdefault(each.metric, {})[row] = each.value
    for metric, values in columns.items():
        check_unit(values, f"{where}: {metric}")
