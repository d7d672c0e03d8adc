"""Accuracies that repositories on the hub report of themselves."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from zoo_analysis.sources.card import CARD
from zoo_analysis.sources.hub import EVAL_RESULTS
from zoo_analysis.sources.ref import Accuracy
from zoo_analysis.sources.reported.source import AccuracySource, Inquiry


def _reported(by: str, asked: Inquiry) -> Iterator[Accuracy]:
    return (a for model in asked.models for a in model.accuracies if a.source == by)


_ABOUT: Final = {
    CARD: "What the model's own card says of it (model-index).",
    EVAL_RESULTS: "Evaluations that the model's repository holds (.eval_results).",
}
SOURCES = [
    AccuracySource(name, partial(_reported, name), "hub", about, mapped=False)
    for name, about in _ABOUT.items()
]
