"""Tables 1 and 2 of the paper: series of torchvision, and averages of GPT-2 models."""

import ast
import csv
import io
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from zoo_analysis.errors import SourceError
from zoo_analysis.studies.trends.printed_cells import Cell, Key, cells, statistics
from zoo_analysis.studies.trends.published import SERIES_METRICS, Printed, table_1, table_2

#: Top-1 errors in percent that torchvision's documentation reported at the time (PyTorch 1.4).
_ERRORS: Final = MappingProxyType(
    {
        "VGG": {
            "vgg11": 30.98,
            "vgg11_bn": 29.62,
            "vgg13": 30.07,
            "vgg13_bn": 28.45,
            "vgg16": 28.41,
            "vgg16_bn": 26.63,
            "vgg19": 27.62,
            "vgg19_bn": 25.76,
        },
        "ResNet": {
            "resnet18": 30.24,
            "resnet34": 26.70,
            "resnet50": 23.85,
            "resnet101": 22.63,
            "resnet152": 21.69,
        },
        "DenseNet": {
            "densenet121": 25.35,
            "densenet161": 22.35,
            "densenet169": 24.00,
            "densenet201": 22.80,
        },
    }
)


def series_cells(folder: Path) -> list[Cell]:
    """Tables 1 and 2 from the authors' averages; none where their files are not in the folder.

    The accuracy (100 − error) is regressed on the metric, so that τ is negative where smaller
    metrics go with smaller errors. Averages of GPT-2 include the embeddings, against the caption of
    Table 2; those of gpt2-small leave out the first.

    Raises:
        SourceError: files that are not the published ones.
    """
    return [
        cell
        for table, compute in ((table_1(), _series), (table_2(), _averages))
        for cell in _found(table, compute, folder)
    ]


def _found(
    table: list[Printed],
    compute: Callable[[str, Path], dict[tuple[str, str], float]],
    folder: Path,
) -> list[Cell]:
    found: dict[Key, float] = {}
    for dataset, family in dict.fromkeys(p[:2] for p in table):
        try:
            values = compute(family, folder)
        except FileNotFoundError:
            return []
        except (KeyError, ValueError, SyntaxError) as error:
            what = f"{folder}: not the published averages of {family} ({error!r}); get them anew"
            raise SourceError(what) from error
        found |= {(dataset, family, *key): value for key, value in values.items()}
    return cells(table, found)


def _series(family: str, folder: Path) -> dict[tuple[str, str], float]:
    errors = _ERRORS[family]
    averages = [_average(folder / f"{model}.txt") for model in errors]
    accuracy = 100 - np.array([*errors.values()])
    return {
        (metric, statistic): value
        for metric in SERIES_METRICS
        for statistic, value in statistics(
            np.array([average[metric] for average in averages]), accuracy
        ).items()
    }


def _averages(model: str, folder: Path) -> dict[tuple[str, str], float]:
    if model == "gpt2-small":
        average = _without_the_first(folder / "gpt2-small.csv")
    else:
        average = _average(folder / f"{model}.txt")
    return {(metric, "mean"): average[metric] for metric in SERIES_METRICS}


def _average(path: Path) -> dict[str, float]:
    """WeightWatcher's summary of a model, which the authors kept as Python prints it."""
    average = ast.literal_eval(path.read_text("utf-8"))
    return {metric: float(average[metric]) for metric in SERIES_METRICS}


def _without_the_first(path: Path) -> dict[str, float]:
    """Averages over the layers of a table of WeightWatcher's but the first, the embedding."""
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
    layers = [row for row in rows if row["level"] == "LEVEL.LAYER"][1:]
    return {
        metric: float(np.mean([float(row[metric]) for row in layers])) for metric in SERIES_METRICS
    }
