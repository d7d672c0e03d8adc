"""The 311 pytorchcv models of the 2021 paper: their published averages and reported errors.

The averages are the authors' (CalculatedContent/ww-trends-2020, data/osmr/df_all.csv), the errors
those of osmr/imgclsmob's table of 8 January 2021, joined as in their notebook OSMR-Analysis.
"""

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from zoo_analysis.errors import SourceError

#: SHA-256 of the joined data with which the printed figures were compared; see `checksum`.
CHECKSUM: Final = "b2ce78069075205e640b0cf8f19ede7f2725c35e47786c1e5afe1202f3529772"

#: Columns of the authors' table, by their names here.
_AVERAGES: Final = {
    "log_norm": "lognorm",
    "mean_spectral_norm": "spectralnorm",
    "alpha_weighted": "alpha_weighted",
    "log_alpha_norm": "logpnorm",
}
#: Second names of architectures in the table of errors, where they differ from those of its list.
_ALSO: Final = {
    "SqueezeNext": "SqNxt",
    "DIA-ResNet": "DIA-PreResNet",
    "DarkNet Ref/Tiny/19": "DarkNet Tiny",
    "IBN-ResNet/IBN-ResNeXt/IBN-DenseNet": "IBN(b)-ResNet",
}
_ARCHITECTURE: Final = re.compile(r"- (.+?) \(\[")
_LOG: Final = re.compile(r"\[log\]\(([^)\s]+)\)")
#: What follows a model's name in the name of its log: ``-1416-b5d2d4bb.pth.log``.
_ENDING: Final = len("-0000-00000000.pth.log")


@dataclass(frozen=True)
class PublishedModel:
    """A model of the paper's large-scale analysis.

    Attributes:
        name: in pytorchcv.
        dataset: on which the error was measured, such as ``cifar-10``.
        family: its architectures, parted by slashes.
        error: reported, top-1, in percent.
        log_norm, alpha_weighted, log_alpha_norm: means over layers, as published.
        log_mean_spectral_norm: natural logarithm of the mean λ_max over layers.
    """

    name: str
    dataset: str
    family: str
    error: float
    log_norm: float
    log_mean_spectral_norm: float
    alpha_weighted: float
    log_alpha_norm: float


def published_models(folder: Path) -> list[PublishedModel]:
    """All models of the authors' table that have a reported error.

    Args:
        folder: with ``osmr.csv``, in which averages and errors are joined already, or else with
            ``df_all.csv`` and ``imgclsmob.md`` as they were published.

    Raises:
        SourceError: neither is there, or they are not the published ones.
    """
    try:
        if (folder / "osmr.csv").exists():
            joined = _rows(folder / "osmr.csv")
        else:
            errors = dict(reported_errors((folder / "imgclsmob.md").read_text("utf-8")))
            joined = [
                {name: row[theirs] for name, theirs in _AVERAGES.items()} | errors[row["modelname"]]
                for row in _rows(folder / "df_all.csv")
                if row["modelname"] in errors
            ]
        models = [_model(row) for row in joined if row["top1_error"]]
    except FileNotFoundError as error:
        raise SourceError(
            f"{folder} has no osmr.csv, nor df_all.csv and imgclsmob.md; put them there"
        ) from error
    except (KeyError, ValueError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{folder}: not the published tables ({error!r}); get them anew"
        ) from error
    if checksum(models) != CHECKSUM:
        raise SourceError(f"{folder}: not the published tables (wrong checksum); get them anew")
    return models


def reported_errors(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Models of osmr/imgclsmob's table with data set, family and error, as texts.

    Args:
        text: Markdown: a list of architectures, then a heading and a table for each data set.
    """
    families = [
        family.split("/") + ([_ALSO[family]] if family in _ALSO else [])
        for family in _ARCHITECTURE.findall(text)
    ]
    dataset, column = "", 0
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("### "):
            dataset, column = line[4:].strip().lower().replace(" ", "-"), 0
        elif line.startswith("| Model |"):
            told = [i for i, cell in enumerate(cells) if cell.startswith(("Top1", "Error"))]
            column = told[0] if told else 0
        elif column and (log := _LOG.search(line)):
            name = log[1].rpartition("/")[2][:-_ENDING]
            family = _family(cells[0], families)
            yield (
                name,
                {
                    "model": name,
                    "dataset": dataset,
                    "family": family,
                    "top1_error": cells[column],
                },
            )


def _family(title: str, families: Sequence[Sequence[str]]) -> str:
    for start in (title, *re.findall(r"[0-9]+-(.*)", title)[:1]):
        for family in families:
            if start.startswith(tuple(family)):
                return "/".join(family)
    return ""


def _model(row: Mapping[str, str]) -> PublishedModel:
    return PublishedModel(
        row["model"],
        row["dataset"],
        row["family"],
        float(row["top1_error"]),
        float(row["log_norm"]),
        math.log(float(row["mean_spectral_norm"])),
        float(row["alpha_weighted"]),
        float(row["log_alpha_norm"]),
    )


def checksum(models: Sequence[PublishedModel]) -> str:
    """SHA-256 of models in the order of their names, their numbers to nine digits."""
    lines = [
        ",".join(f"{v:.9g}" if isinstance(v, float) else v for v in vars(model).values())
        for model in sorted(models, key=lambda model: model.name)
    ]
    return sha256("\n".join(lines).encode()).hexdigest()


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
