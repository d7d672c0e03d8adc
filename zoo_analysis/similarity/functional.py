"""How alike two models are in what they answer."""

from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import tensor
from zoo_analysis.similarity.centring import same_samples
from zoo_analysis.similarity.measure import Measure


@dataclass(frozen=True)
class Answers:
    """Predicted classes.

    Attributes:
        shape: (n, classes) of the logits.
        classes: (n,) int64, the class of the greatest logit, the first of the tied.
    """

    shape: tuple[int, ...]
    classes: Tensor


@dataclass(frozen=True)
class Accuracy:
    """How often a model is right.

    Attributes:
        shape: (n, classes) of the logits.
        percent: of the samples.
    """

    shape: tuple[int, ...]
    percent: float


def _logits(x: Any) -> Tensor:
    logits = tensor(x)
    if logits.shape[1] < 2:
        raise SimilarityError(
            f"outputs of shape {tuple(logits.shape)} have a single class: agreement says something "
            "of two or more"
        )
    return logits


def _answers(x: Any) -> Answers:
    logits = _logits(x)
    return Answers(tuple(logits.shape), logits.argmax(1))


def _agreed(a: Answers, b: Answers) -> float:
    _same_classes(a.shape, b.shape)
    return float((a.classes == b.classes.to(a.classes.device)).mean(dtype=torch.float64))


def _log_probabilities(x: Any) -> Tensor:
    return torch.log_softmax(_logits(x).double(), dim=1)


def _divergence(p: Tensor, q: Tensor) -> float:
    """Of log-probabilities (n × classes)."""
    _same_classes(tuple(p.shape), tuple(q.shape))
    q = q.to(p.device)
    mean = torch.logaddexp(p, q) - log(2)
    both = p.exp() * (p - mean) + q.exp() * (q - mean)
    return min(max(float(both.sum(1).mean()) / (2 * log(2)), 0.0), 1.0)


def _accuracy(x: Any) -> Accuracy:
    """Of (logits (n × classes), labels (n,) whole numbers from 0)."""
    outputs, labels = x
    logits = _logits(outputs)
    if labels is None:
        raise SimilarityError(
            "the accuracy gap needs labels, and this probe has none: use one that does (digits, "
            "mnist5k), or agreement"
        )
    truth = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    n, classes = logits.shape
    if truth.shape != (n,) or not np.isin(truth, np.arange(classes)).all():
        raise SimilarityError(
            f"labels of shape {truth.shape} do not fit outputs of shape {(n, classes)}: give one a "
            f"sample, from 0 to {classes - 1}"
        )
    right = logits.argmax(1).cpu().numpy() == truth
    return Accuracy((n, classes), 100 * float(right.mean()))


def _gap(a: Accuracy, b: Accuracy) -> float:
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
    prepare=_answers,
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
    source="Ding, Denain & Steinhardt 2021, arXiv 2108.01661",
)

MEASURES: tuple[Measure, ...] = (agreement, js_divergence, accuracy_gap)
