"""Reasons why a tensor is no matrix."""

from collections.abc import Mapping

from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.spec import Omission


def omission(info: TensorInfo, tensors: Mapping[str, TensorInfo]) -> Omission:
    """The reason why the tensor `info` is no matrix."""
    if 0 in info.shape:
        return "empty"
    if sum(side > 1 for side in info.shape) < 2:
        return "vector"
    return "not-understood"
