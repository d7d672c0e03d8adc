"""What a similarity measure is: a function of two arrays, and what is known of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

#: What both arrays may go through without the value changing, each array on its own.
Invariance = Literal[
    "permutation",  # of neurons
    "orthogonal",  # transformations of the neurons' space
    "invertible",  # linear transformations of the neurons' space
    "isotropic scaling",  # of all neurons by one factor (not zero)
    "neuron scaling",  # of each neuron by a factor of its own (not zero)
    "translation",  # a constant added to each neuron
]


@dataclass(frozen=True)
class Measure:
    """A measure of how alike two sets of neurons, outputs or weights are.

    Called as ``measure(x, y)`` with arrays (n × d₁) and (n × d₂), numpy or torch, on CPU or CUDA;
    returns a float. `prepare` is what can be done with one array alone, so that of a layer compared
    with many others it is done once: ``measure(x, y) == compare(prepare(x), prepare(y))``.

    Attributes:
        name: by which it is asked for, stored and registered.
        prepare: of one array (n × d), a float tensor, or of a tuple of it and what belongs to it
            (inputs, labels) where the measure documents that; raises `SimilarityError` for what it
            cannot take.
        compare: of two prepared arrays.
        of: what its arrays are: activations (n samples × d neurons), outputs (n samples × classes,
            logits), or weights (see its own documentation).
        range: least and greatest value.
        higher: what a higher value means.
        invariant_to: see `Invariance`.
        symmetric: whether the two arrays may be exchanged.
        max_samples: rows beyond which a caller should subsample, where time or memory grows with
            their square; None where they do not.
        source: paper or package that defines it.
    """

    name: str
    prepare: Callable[[Any], Any]
    compare: Callable[[Any, Any], float]
    of: Literal["activations", "outputs", "weights"]
    range: tuple[float, float]
    higher: Literal["more alike", "less alike"]
    invariant_to: frozenset[Invariance] = field(default=frozenset())
    symmetric: bool = True
    max_samples: int | None = None
    source: str = ""

    def __call__(self, x: Any, y: Any) -> float:
        """The measure of two arrays.

        Args:
            x: (n × d₁).
            y: (n × d₂), of the same n samples in the same order.

        Raises:
            SimilarityError: arrays that are not comparable; names both shapes.
        """
        from zoo_analysis.similarity.arrays import pair

        if isinstance(x, tuple):  # an array and what belongs to it, as `prepare` documents
            return self.compare(self.prepare(x), self.prepare(y))
        return self.compare(*map(self.prepare, pair(x, y)))
