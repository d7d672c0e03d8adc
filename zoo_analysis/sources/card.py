"""The front matter of model cards: licence, task, parent, reported accuracies.

Anybody writes cards, and each odd field costs itself alone. So the front matter is read here, field
by field: huggingface_hub's card classes refuse a card as a whole.
"""

import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any, Final

from zoo_analysis.sources.metadata import read_text
from zoo_analysis.sources.percents import is_share, percent
from zoo_analysis.sources.ref import Accuracy
from zoo_analysis.texts import few

#: The source of accuracies that a card reports.
CARD = "card"
#: A tag by which a card names the series its model is compared within.
SERIES_TAG = "series:"

_ACCURACY = {"acc", "accuracy", "top1", "top-1", "top_1", "acc@1", "top-1 accuracy"}
#: Splits a model was most likely not trained on come first where one metric is given for several.
_SPLITS = ("test", "validation", "val", "eval")
#: Between two lines of dashes, the first of them the file's first line.
_FRONT_MATTER: Final = re.compile(r"\s*---[ \t]*\r?\n(.*?)(?:^|\n)---[ \t]*\r?(?:\n|\Z)", re.S)
#: Metrics that a remark names.
_NAMED: Final = 4
#: Characters of front matter; models that report many benchmarks have some 300,000.
MOST_TEXT: Final = 2 * 2**20
#: Fields that are tried one by one where the whole is no YAML, and levels of nesting.
_PARTS, _DEPTH = 200, 50
#: Characters of a number, longer ones stay texts; scalars, lists and mappings looked at in all.
_DIGITS, _MOST_EVENTS = 400, 200_000
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Card:
    """The front matter of a model card; every field may be missing.

    Attributes:
        remarks: which of its metrics say nothing that could be used.
    """

    library: str | None = None
    pipeline_tag: str | None = None
    license: str | None = None
    base_model: str | None = None
    series: str | None = None
    accuracies: tuple[Accuracy, ...] = ()
    remarks: tuple[str, ...] = ()


def read_card(directory: Path, repo_id: str) -> Card:
    """The front matter of a directory's README.md.

    Args:
        directory: of a model in hub layout.
        repo_id: the accuracies are reported for.

    Returns:
        The card; an empty one where there is no README.md or it has no front matter.
    """
    fields = card_fields(read_text(directory / "README.md") or "")
    return card_of(fields, fields.get("model-index"), repo_id)


def card_fields(text: str) -> dict[str, Any]:
    """The fields of a README.md's front matter; none where it has none.

    Args:
        text: of the file.
    """
    found = _FRONT_MATTER.match(text)
    return front_matter(found[1]) if found else {}


def front_matter(text: str) -> dict[str, Any]:
    """The fields of a card's YAML; where it is none as a whole, those that are by themselves.

    Args:
        text: between the lines of dashes.
    """
    import yaml

    if len(text) > MOST_TEXT:
        _log.warning("front matter of %d characters passed over; at most %d", len(text), MOST_TEXT)
        return {}

    seen = count(1)

    def parsed(part: str) -> dict[str, Any]:
        try:
            if not _is_plain(part, seen):
                return {}
            fields = yaml.load(part, _loader())
        except (yaml.YAMLError, ValueError, TypeError, RecursionError, AttributeError, KeyError):
            return {}
        return (
            {str(key): value for key, value in fields.items()} if isinstance(fields, dict) else {}
        )

    whole = parsed(text)
    parts = [] if whole else re.split(r"^(?=[\w\"'])", text, flags=re.MULTILINE)
    found = whole or {key: value for part in parts[:_PARTS] for key, value in parsed(part).items()}
    if next(seen) > _MOST_EVENTS:
        _log.warning("front matter of more than %d parts; what follows is lost", _MOST_EVENTS)
    return found


def _is_plain(text: str, seen: Iterator[int]) -> bool:
    """False for YAML that unfolds to more than is written, is nested deeply, or too much in all."""
    import yaml

    depth = 0
    for event in yaml.parse(text, _loader()):
        if isinstance(event, yaml.AliasEvent) or next(seen) > _MOST_EVENTS:
            return False
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEPTH:
            return False
    return True


def card_of(fields: Mapping[str, Any], model_index: object, repo_id: str) -> Card:
    """The card with these fields.

    Args:
        fields: of the front matter; those of a kind that the field cannot have are left out.
        model_index: its ``model-index``.
        repo_id: the accuracies are reported for.
    """
    tags = [tag for tag in _list(fields.get("tags")) if isinstance(tag, str)]
    odd: list[str] = []
    accuracies = _best(_accuracies(model_index, repo_id, odd))
    series = (tag.removeprefix(SERIES_TAG) for tag in tags if tag.startswith(SERIES_TAG))
    return Card(
        library=_text(fields.get("library_name")),
        pipeline_tag=_text(fields.get("pipeline_tag")),
        license=_text(fields.get("license")),
        base_model=_text(fields.get("base_model")),
        series=_text(next(series, None)),
        accuracies=accuracies,
        remarks=left_out(CARD, odd),
    )


def left_out(source: str, odd: Sequence[str]) -> tuple[str, ...]:
    """The remark on reported numbers that cannot be used; none where there are none.

    Args:
        source: that reports them.
        odd: what they are, in a few words each.
    """
    several = list(dict.fromkeys(odd))
    return (f"{source}: no usable value of {few(several, _NAMED)}",) if odd else ()


def _text(value: object) -> str | None:
    """A field as text; several values (base models, licences) joined by commas."""
    plain = [
        " ".join(str(item).split())
        for item in (value if isinstance(value, list) else [value])
        if isinstance(item, str | int | float) and not isinstance(item, bool)
    ]
    return ", ".join(item for item in plain if item) or None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: object) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _best(accuracies: Iterator[Accuracy]) -> tuple[Accuracy, ...]:
    """One accuracy for each data set and metric, of the split most likely held out."""
    best: dict[tuple[str, str], Accuracy] = {}
    for accuracy in accuracies:
        key = (accuracy.dataset, accuracy.metric)
        if key not in best or _preference(accuracy) < _preference(best[key]):
            best[key] = accuracy
    return tuple(best.values())


def _preference(accuracy: Accuracy) -> int:
    return _SPLITS.index(accuracy.split) if accuracy.split in _SPLITS else len(_SPLITS)


def _accuracies(model_index: object, repo_id: str, odd: list[str]) -> Iterator[Accuracy]:
    """What a ``model-index`` reports, metric by metric; what cannot be used is added to `odd`.

    Its layout: https://github.com/huggingface/hub-docs/blob/main/modelcard.md
    """
    for entry in _list(model_index):
        for result in _list(_dict(entry).get("results")):
            of, page = _dict(_dict(result).get("dataset")), _dict(_dict(result).get("source"))
            dataset, config = (
                _text(of.get("type")) or _text(of.get("name")),
                _text(of.get("config")),
            )
            for row in map(_dict, _list(_dict(result).get("metrics"))):
                metric, value = _text(row.get("type")), number(row.get("value"))
                if dataset is None or metric is None or value is None:
                    odd.append(
                        f"{metric or 'a metric without a type'} on {dataset or 'no data set'}"
                    )
                    continue
                if "%" not in str(row.get("value")):
                    value = percent(metric, value)
                if is_share(metric) and not 0 <= value <= 100:
                    odd.append(f"{metric} on {dataset} ({value:g} is no share of a whole)")
                    continue
                yield Accuracy(
                    repo_id=repo_id,
                    dataset=dataset
                    if config in (None, "default", dataset)
                    else f"{dataset}:{config}",
                    metric="accuracy" if metric.lower() in _ACCURACY else metric,
                    value=value,
                    source=CARD,
                    split=_text(of.get("split")),
                    source_url=_text(page.get("url")),
                )


def number(value: object) -> float | None:
    """A finite number from a card's value, which may be text such as ``97.3%``."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value.strip().removesuffix("%")) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


@cache
def _loader() -> Any:
    """PyYAML's loader of plain values, to which no number is long: its time grows with the square.

    ``1:59:59`` is a number to the base of sixty there, and the digits of others are not bounded.
    """
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("CardLoader", (base,), {})
    for kind in ("int", "float"):
        construct = getattr(base, f"construct_yaml_{kind}")
        loader.add_constructor(f"tag:yaml.org,2002:{kind}", partial(_short_number, construct))
    return loader


def _short_number(construct: Callable[[Any, Any], Any], loader: Any, node: Any) -> Any:
    text = loader.construct_scalar(node)
    return text if ":" in text or len(text) > _DIGITS else construct(loader, node)
