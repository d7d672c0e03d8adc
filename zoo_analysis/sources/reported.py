"""Accuracies that somebody reports: torchvision's metadata, timm's tables, anybody's CSV file."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from zoo_analysis.errors import SourceError
from zoo_analysis.sources.card import percent
from zoo_analysis.sources.ref import Accuracy

_TORCHVISION_URL = "https://docs.pytorch.org/vision/stable/models.html"
_IMAGENET = "imagenet-1k"
#: timm's results files by the end of their names → the data set they are about.
_TIMM_FILES = {
    "imagenet": _IMAGENET,
    "imagenet-real": "imagenet-real",
    "imagenet-a": "imagenet-a",
    "imagenet-r": "imagenet-r",
    "imagenetv2-matched-frequency": "imagenet-v2",
    "sketch": "imagenet-sketch",
}
_COLUMNS = ("repo_id", "dataset", "metric", "value", "split", "source_url")


def torchvision_accuracies() -> list[Accuracy]:
    """What torchvision reports of the weights that the hub holds as ``timm/*.tv_in1k`` and
    ``timm/*.tv2_in1k``: its first and second training recipe.
    """
    import timm
    from torchvision import models

    known = set(timm.list_models("*.tv*_in1k", pretrained=True))
    out = []
    for name in models.list_models(module=models):
        for weights in models.get_model_weights(name):
            tag = {"IMAGENET1K_V1": "tv_in1k", "IMAGENET1K_V2": "tv2_in1k"}.get(weights.name)
            repository = next((f"{n}.{tag}" for n in _timm(name) if f"{n}.{tag}" in known), None)
            if repository is None:
                continue
            reported = weights.meta["_metrics"]["ImageNet-1K"]
            for metric, key in (("accuracy", "acc@1"), ("top5", "acc@5")):
                out.append(
                    Accuracy(
                        repo_id=f"timm/{repository}",
                        dataset=_IMAGENET,
                        metric=metric,
                        value=float(reported[key]),
                        source="torchvision",
                        split="validation",
                        source_url=_TORCHVISION_URL,
                    )
                )
    return out


def _timm(name: str) -> Iterator[str]:
    """What timm may call torchvision's model: ``regnet_y_1_6gf`` is ``regnety_016``."""
    yield name
    if match := re.fullmatch(r"regnet_([xy])_(?:(\d)00mf|(\d+)(?:_(\d))?gf)", name):
        kind, mega, whole, tenth = match.groups()
        size = f"00{mega}" if mega else f"{int(whole):02}{tenth or 0}"
        yield from (f"regnet{kind}_{size}", f"regnet{kind}_{size}_tv")


def timm_csv(place: str) -> list[Accuracy]:
    """timm's results tables (``results-imagenet.csv`` and the like) of one data set.

    Args:
        place: the file or its URL; its name says which data set it is about.

    Raises:
        SourceError: it cannot be read, or is no results table of timm's.
    """
    name = Path(urlsplit(place).path).name
    match = re.fullmatch(r"results-(.+)\.csv", name)
    if not match or match[1] not in _TIMM_FILES:
        names = ", ".join(f"results-{known}.csv" for known in _TIMM_FILES)
        raise SourceError(f"{place}: not named as timm's results tables are: {names}")
    out = []
    for row in _rows(place, ("model", "top1", "top5")):
        for metric, column in (("accuracy", "top1"), ("top5", "top5")):
            out.append(
                Accuracy(
                    repo_id=f"timm/{row['model']}",
                    dataset=_TIMM_FILES[match[1]],
                    metric=metric,
                    value=_value(row[column], place),
                    source="timm-csv",
                    split="validation" if match[1] == "imagenet" else "test",
                    source_url=place if "://" in place else None,
                )
            )
    return out


def any_csv(place: str, columns: Mapping[str, str], fixed: Mapping[str, str]) -> list[Accuracy]:
    """Accuracies from a CSV file of anybody's.

    Args:
        place: the file or its URL.
        columns: its columns by what they are: repo_id, dataset, metric, value, split, source_url;
            those that are missing here have the name of what they are.
        fixed: values of what has no column.

    Raises:
        SourceError: it cannot be read, or something of repo_id, dataset, metric, value is missing.
    """
    if unknown := {*columns, *fixed} - set(_COLUMNS):
        what = f"{', '.join(sorted(unknown))}: unknown"
        raise SourceError(f"{what}; what can be mapped is {', '.join(_COLUMNS)}")
    named = {name: columns.get(name, name) for name in _COLUMNS if name not in fixed}
    needed = [named[name] for name in _COLUMNS[:4] if name in named]
    out = []
    for row in _rows(place, needed):
        found = {name: row.get(column) or None for name, column in named.items()} | dict(fixed)
        metric = str(found["metric"])
        out.append(
            Accuracy(
                repo_id=str(found["repo_id"]),
                dataset=str(found["dataset"]),
                metric=metric,
                value=percent(metric, _value(str(found["value"]), place)),
                source=f"csv:{Path(urlsplit(place).path).name}",
                split=found.get("split"),
                source_url=found.get("source_url"),
            )
        )
    return out


def _rows(place: str, needed: tuple[str, ...] | list[str]) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(_text(place)))
    present = reader.fieldnames or ()
    if missing := [column for column in needed if column not in present]:
        has = ", ".join(present) or "none"
        raise SourceError(f"{place}: no column {', '.join(missing)}; it has {has}: use --map")
    for row in reader:
        if all(row[column] for column in needed):
            yield row


def _text(place: str) -> str:
    if "://" in place:
        import httpx2

        try:
            answer = httpx2.get(place, follow_redirects=True, timeout=60)
            answer.raise_for_status()
            return answer.text
        except httpx2.HTTPError as error:
            raise SourceError(f"{place}: cannot be fetched ({error}); check the URL") from error
    try:
        return Path(place).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{place}: cannot be read ({error})") from error


def _value(text: str, place: str) -> float:
    try:
        return float(text.replace(",", "").strip().removesuffix("%"))
    except ValueError as error:
        raise SourceError(f"{place}: {text!r} is no number; map another column to value") from error
