"""Functional similarity: of what two models answer."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import rows, same_samples, tensor
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import Measure


@dataclass(frozen=True)
class PredictedClasses:
    """Predicted classes of samples.

    Attributes:
        shape: (n, classes) of the logits.
        classes: (n,) int64, the class of the greatest logit, the first of the tied.
    """

    shape: tuple[int, ...]
    classes: torch.Tensor


@dataclass(frozen=True)
class OutputAccuracy:
    """Accuracy of a model's outputs.

    Attributes:
        shape: (n, classes) of the logits.
        percent: of the samples that are classified rightly.
    """

    shape: tuple[int, ...]
    percent: float


def _logits(x: Any) -> torch.Tensor:
    logits = tensor(x)
    if logits.shape[1] < 2:
        raise SimilarityError(
            f"outputs of shape {tuple(logits.shape)} have a single class: agreement says something "
            "of two or more"
        )
    return logits


def _predicted(x: Any) -> PredictedClasses:
    logits = _logits(x)
    return PredictedClasses(tuple(logits.shape), logits.argmax(1))


def _agreed(a: PredictedClasses, b: PredictedClasses) -> float:
    _same_classes(a.shape, b.shape)
    return float((a.classes == b.classes.to(a.classes.device)).mean(dtype=torch.float64))


def _log_probabilities(x: Any) -> torch.Tensor:
    return torch.log_softmax(_logits(x).double(), dim=1)


def _divergence(p: torch.Tensor, q: torch.Tensor) -> float:
    """Mean divergence of log-probabilities (n × classes)."""
    _same_classes(tuple(p.shape), tuple(q.shape))
    q = q.to(p.device)
    mean = torch.logaddexp(p, q) - log(2)
    both = p.exp() * (p - mean) + q.exp() * (q - mean)
    return min(max(float(both.sum(1).mean()) / (2 * log(2)), 0.0), 1.0)


def _accuracy(x: Any) -> OutputAccuracy:
    """Accuracy of (logits (n × classes), labels (n,) whole numbers from 0)."""
    outputs, labels = x
    logits = _logits(outputs)
    truth = (
        labels.detach().cpu().numpy() if isinstance(labels, torch.Tensor) else np.asarray(labels)
    )
    n, classes = logits.shape
    if truth.shape != (n,) or not np.isin(truth, np.arange(classes)).all():
        raise SimilarityError(
            f"labels of shape {truth.shape} do not fit outputs of shape {(n, classes)}: give one a "
            f"sample, from 0 to {classes - 1}"
        )
    right = logits.argmax(1).cpu().numpy() == truth
    return OutputAccuracy((n, classes), 100 * float(right.mean()))


def _gap(a: OutputAccuracy, b: OutputAccuracy) -> float:
    same_samples(a.shape, b.shape)
    return abs(a.percent - b.percent)


def _same_classes(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    same_samples(a, b)
    if a[1] != b[1]:
        raise SimilarityError(
            f"outputs of shapes {a} and {b} have different classes: compare models of one task"
        )


#: The share of samples for which both models' greatest logit is that of the same class.
agreement = Measure(
    name="agreement",
    prepare=_predicted,
    compare=_agreed,
    of="outputs",
    range=(0.0, 1.0),
    higher="more alike",
    source="Ding, Denain & Steinhardt 2021, arXiv 2108.01661",
)

#: Jensen–Shannon divergence of the softmaxed logits in bits, mean over samples.
js_divergence = Measure(
    name="js_divergence",
    prepare=_log_probabilities,
    compare=_divergence,
    reordered=rows,
    of="outputs",
    range=(0.0, 1.0),
    higher="less alike",
    source="Lin 1991, doi 10.1109/18.61115",
)

#: Absolute difference of accuracies in percentage points. Its arrays are pairs
#: ``(logits, labels)``: ``accuracy_gap((x, labels), (y, labels))``.
accuracy_gap = Measure(
    name="accuracy_gap",
    prepare=_accuracy,
    compare=_gap,
    of="outputs",
    range=(0.0, 100.0),
    higher="less alike",
    needs=frozenset({"labels"}),
    source="Ding, Denain & Steinhardt 2021, arXiv 2108.01661",
)

MEASURES: tuple[Measure, ...] = (agreement, js_divergence, accuracy_gap)
