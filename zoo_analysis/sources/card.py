"""The front matter of model cards: licence, task, parent, reported accuracies.

The front matter is parsed by huggingface_hub's own card classes, offline.
"""

import logging
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from zoo_analysis.sources.metadata import read_text
from zoo_analysis.sources.ref import Accuracy

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

#: The source of accuracies that a card reports.
CARD = "card"
#: A tag by which a card names the series its model is compared within.
SERIES_TAG = "series:"

#: Metrics that are fractions of a whole, by the names model cards give them.
_SHARE = re.compile(
    r"acc|top.?\d|f1|precision|recall|exact.?match|pass@|iou|map\b|mrr|ndcg|bleu|rouge", re.I
)
_ACCURACY = {"acc", "accuracy", "top1", "top-1", "top_1", "acc@1", "top-1 accuracy"}
#: Splits a model was most likely not trained on come first where one metric is given for several.
_SPLITS = ("test", "validation", "val", "eval")


@dataclass(frozen=True)
class Card:
    """The front matter of a model card; every field may be missing."""

    library: str | None = None
    pipeline_tag: str | None = None
    license: str | None = None
    base_model: str | None = None
    series: str | None = None
    accuracies: tuple[Accuracy, ...] = ()


def read_card(directory: Path, repo_id: str) -> Card:
    """The front matter of a directory's README.md.

    Args:
        directory: of a model in hub layout.
        repo_id: the accuracies are reported for.

    Returns:
        The card; an empty one where there is no README.md or its front matter is malformed.
    """
    text = read_text(directory / "README.md")
    if text is None or not text.lstrip().startswith("---"):
        return Card()
    from huggingface_hub import ModelCard

    try:
        with _quiet():
            data = ModelCard(text, ignore_metadata_errors=True).data
        return card_of(cast("ModelCardData", data), repo_id)
    except Exception:  # whatever is wrong with a card must not cost the model
        return Card()


def percent(metric: str, value: float) -> float:
    """A reported value in percent, where its metric is a share of a whole.

    Cards report accuracies as fractions (Transformers' Trainer) or as percentages (most papers'
    tables) and do not say which. A share of at most 1 is read as a fraction: an accuracy below
    one percent is not a thing anybody reports. Other metrics (losses, perplexities) are kept.

    Args:
        metric: its name in the card.
        value: as reported.

    Returns:
        The value, times 100 where it was a fraction.
    """
    return value * 100 if _SHARE.search(metric) and 0 <= value <= 1 else value


def card_of(data: "ModelCardData", repo_id: str) -> Card:
    """The card whose front matter huggingface_hub has parsed.

    Args:
        data: the front matter.
        repo_id: the accuracies are reported for.
    """
    tags = [tag for tag in data.tags or [] if isinstance(tag, str)]
    series = next(
        (tag.removeprefix(SERIES_TAG) for tag in tags if tag.startswith(SERIES_TAG)), None
    )
    return Card(
        library=_text(data.library_name),
        pipeline_tag=_text(data.pipeline_tag),
        license=_text(data.license),
        base_model=_text(data.base_model),
        series=series,
        accuracies=_accuracies(data.eval_results or [], repo_id),
    )


def _text(value: object) -> str | None:
    """A front-matter field as text; several values (base models, licences) joined by commas."""
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or None
    return str(value) if value is not None else None


def _accuracies(results: "list[EvalResult]", repo_id: str) -> tuple[Accuracy, ...]:
    """One accuracy for each data set and metric, of the split most likely held out."""
    best: dict[tuple[str, str], Accuracy] = {}
    for accuracy in filter(None, (_accuracy(result, repo_id) for result in results)):
        key = (accuracy.dataset, accuracy.metric)
        if key not in best or _preference(accuracy) < _preference(best[key]):
            best[key] = accuracy
    return tuple(best.values())


def _preference(accuracy: Accuracy) -> int:
    return _SPLITS.index(accuracy.split) if accuracy.split in _SPLITS else len(_SPLITS)


def _accuracy(result: "EvalResult", repo_id: str) -> Accuracy | None:
    value = number(result.metric_value)
    if value is None:
        return None
    metric = str(result.metric_type)
    dataset = str(result.dataset_type or result.dataset_name)
    config = result.dataset_config
    return Accuracy(
        repo_id=repo_id,
        dataset=dataset if config in (None, "default", dataset) else f"{dataset}:{config}",
        metric="accuracy" if metric.lower() in _ACCURACY else metric,
        value=percent(metric, value),
        source=CARD,
        split=_text(result.dataset_split),
        source_url=_text(result.source_url),
    )


def number(value: object) -> float | None:
    """A finite number from a card's value, which may be text such as ``97.3%``."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value.strip().removesuffix("%")) if isinstance(value, str) else float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep huggingface_hub's remarks on malformed cards from the user's terminal."""
    loggers = [
        logging.getLogger(f"huggingface_hub.{name}") for name in ("repocard", "repocard_data")
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
