"""The catalogue osmr-2021: pytorchcv's models of the 2021 paper in a folder of their weights."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomlkit

from zoo_analysis.errors import SourceError
from zoo_analysis.folders import study_cache
from zoo_analysis.sources.catalogues.format import Catalogue, load_catalogue
from zoo_analysis.studies.trends.authors_files import fetch_all, kept_tables
from zoo_analysis.studies.trends.published_models import PublishedModel, published_models

#: The catalogue's file, beside the weights.
NAME: Final = "osmr-2021.toml"
_SOURCE: Final = "osmr/imgclsmob, 8 January 2021"
_ADDRESS: Final = "https://github.com/osmr/imgclsmob/blob/9c3f7bd7/pytorch/README.md"
_DESCRIPTION: Final = (
    'Models of Martin, Peng & Mahoney, "Predicting trends in the quality of state-of-the-art '
    'neural networks without access to training or testing data" (Nature Communications 12, 4122, '
    "2021), large-scale analysis. A series is an architecture family; accuracies are 100 less the "
    "reported error."
)


@dataclass(frozen=True)
class PublishedZoo:
    """The catalogue of the paper's models that are at hand.

    Attributes:
        catalogue: of those models.
        missing: names of the others.
    """

    catalogue: Catalogue
    missing: tuple[str, ...]


def osmr_catalogue(weights: str | Path, data: str | Path | None = None) -> PublishedZoo:
    """The catalogue of those models of the 2021 paper whose weights a folder has, written there.

    Args:
        weights: folder with files of pytorchcv, named as it stores them (``vgg11-1036-….pth``)
            or after their models alone (``vgg11.pth``).
        data: folder with the authors' tables, as `study` takes it; fetched once where None.

    Returns:
        The catalogue, which is in the folder's ``osmr-2021.toml``, and what it lacks.

    Raises:
        SourceError: none of the models is there, or the tables are not to be had.
    """
    folder = Path(weights)
    models = published_models(fetch_all(kept_tables(study_cache())) if data is None else Path(data))
    if not folder.is_dir():
        raise SourceError(f"{folder} is no folder; name the one with files of pytorchcv")
    files = dict(_models_of(folder))
    here = [model for model in models if model.name in files]
    if not here:
        raise SourceError(
            f"{folder} has none of the paper's {len(models)} models, such as {models[0].name}.pth; "
            "pytorchcv keeps what it has fetched in ~/.torch/models"
        )
    told: dict[str, Any] = {
        "title": "pytorchcv's models of January 2021",
        "description": _DESCRIPTION,
        "models": [_entry(model, files[model.name]) for model in here],
    }
    path = folder / NAME
    path.write_text(tomlkit.dumps(told), encoding="utf-8")
    missing = tuple(model.name for model in models if model.name not in files)
    return PublishedZoo(load_catalogue(path), missing)


def _models_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Names of models and their files; ``-1036-d9a5a3b4`` tells error and checksum."""
    for path in sorted(folder.glob("*.pth")):
        if path.is_file():
            yield re.sub(r"-[0-9]{4}-[0-9a-f]{8}$", "", path.stem), path.name


def _entry(model: PublishedModel, file: str) -> dict[str, Any]:
    accuracy = {
        "dataset": model.dataset,
        "metric": "accuracy",
        "value": round(100 - model.error, 4),
        "source": _SOURCE,
        "source_url": _ADDRESS,
    }
    return {
        "repo_id": f"osmr/{model.name}",
        "file": file,
        "series": model.family,
        "library": "pytorchcv",
        "pipeline_tag": "image-classification",
        "accuracies": [accuracy],
    }
