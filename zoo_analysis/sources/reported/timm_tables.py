"""Accuracies from timm's tables of results (``results-imagenet.csv`` and the like)."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from zoo_analysis.errors import SourceError
from zoo_analysis.sources.percents import check_percent, check_unit
from zoo_analysis.sources.ref import Accuracy
from zoo_analysis.sources.reported.csv_tables import csv_rows, csv_value
from zoo_analysis.sources.reported.source import AccuracySource

#: timm's results files by the end of their names → the data set they are about.
_FILES: Final = {
    "imagenet": "imagenet-1k",
    "imagenet-real": "imagenet-real",
    "imagenet-a": "imagenet-a",
    "imagenet-r": "imagenet-r",
    "imagenetv2-matched-frequency": "imagenet-v2",
    "sketch": "imagenet-sketch",
}


def timm_csv(place: str) -> list[Accuracy]:
    """Top-1 and top-5 accuracies of one of timm's tables of results, in percent.

    Args:
        place: the file or its URL; its name says which data set it is about.

    Raises:
        SourceError: it cannot be read, or is no results table of timm's.
    """
    name = Path(urlsplit(place).path).name
    match = re.fullmatch(r"results-(.+)\.csv", name)
    if not match or match[1] not in _FILES:
        names = ", ".join(f"results-{known}.csv" for known in _FILES)
        raise SourceError(f"{place}: not named as timm's results tables are: {names}")
    rows = list(csv_rows(place, ("model", "top1", "top5")))
    out = []
    for metric, column in (("accuracy", "top1"), ("top5", "top5")):
        values = {
            number: csv_value(row[column], f"{place}: {number}, column {column}")
            for number, row in rows
        }
        check_unit(values, f"{place}: column {column}")
        for number, row in rows:
            value = values[number]
            check_percent(value, f"{place}: {number}, {column} of {row['model']}")
            out.append(
                Accuracy(
                    repo_id=f"timm/{row['model']}",
                    dataset=_FILES[match[1]],
                    metric=metric,
                    value=value,
                    source="timm-csv",
                    split="validation" if match[1] == "imagenet" else "test",
                    source_url=place if "://" in place else None,
                )
            )
    return out


SOURCE = AccuracySource(
    "timm-csv",
    lambda asked: [a for place in asked.places for a in timm_csv(place)],
    "places",
    "timm's tables of results of its own models: results-imagenet.csv and the like.",
    mapped=False,
)
