"""Similarity measures: functions of two arrays, with a declaration of what is known of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.whole import Higher, Similarity, Whole, by_best_match

#: What both arrays may go through without the value changing, each array on its own.
Invariance = Literal[
    "permutation",  # of neurons
    "orthogonal",  # transformations of the neurons' space
    "invertible",  # linear transformations of the neurons' space
    "isotropic scaling",  # of all neurons by one factor (not zero)
    "neuron scaling",  # of each neuron by a factor of its own (not zero)
    "translation",  # a constant added to each neuron
]

#: Invariances of measures of single neurons, whose scales and shifts they do not see, and of the
#: neurons' space, whose rotations they do not see.
UP_TO_SCALES: Final[frozenset[Invariance]] = frozenset(
    {"permutation", "neuron scaling", "isotropic scaling", "translation"}
)
UP_TO_ROTATION: Final[frozenset[Invariance]] = frozenset(
    {"permutation", "orthogonal", "isotropic scaling", "translation"}
)

#: What belongs to the samples: what went into the networks (n × p), or their classes (n,).
Need = Literal["inputs", "labels"]


@dataclass(frozen=True)
class Measure:
    """A similarity measure of two sets of neurons, outputs or weights.

    Called as ``measure(x, y)`` with arrays (n × d₁) and (n × d₂), numpy or torch, on CPU or CUDA;
    returns a float. `prepare` is what can be done with one array alone, so that of a layer compared
    with many others it is done once: ``measure(x, y) == compare(prepare(x), prepare(y))``.

    Attributes:
        name: by which it is asked for, stored and registered.
        prepare: of one array (n × d), a float tensor, or of a tuple of it and what the measure
            needs; raises `SimilarityError` for what it cannot take.
        compare: of two prepared arrays.
        of: its arrays: activations (n samples × d neurons), outputs (n samples × classes, logits),
            or weights (inputs × outputs).
        range: least and greatest value.
        higher: the meaning of a higher value.
        invariant_to: see `Invariance`.
        symmetric: whether the two arrays may be exchanged.
        max_samples: rows beyond which a caller should subsample, where time or memory grows with
            their square; None where they do not.
        source: paper or package that defines it.
        needs: what belongs to the samples and follows the array in the tuple that `prepare` takes:
            ``(array, inputs)``, ``(array, labels)`` or ``(array, inputs, labels)``.
        whole: the similarity of two networks, from their layers.
        reordered: of a prepared array and an order of its samples ((n,) int64 tensor): what
            `prepare` makes of the array in that order; None where it is to prepare it again.
        chain: of weights: the arrays that stand for the first ℓ of successive fully connected
            layers, ℓ = 1, 2, …, from their matrices; None where the layers of two checkpoints are
            compared one by one.
    """

    name: str
    prepare: Callable[[Any], Any]
    compare: Callable[[Any, Any], float]
    of: Literal["activations", "outputs", "weights"]
    range: tuple[float, float]
    higher: Higher
    invariant_to: frozenset[Invariance] = field(default=frozenset())
    symmetric: bool = True
    max_samples: int | None = None
    source: str = ""
    needs: frozenset[Need] = frozenset()
    whole: Whole = by_best_match
    reordered: Callable[[Any, Any], Any] | None = None
    chain: Callable[[Sequence[Any]], Sequence[Any]] | None = None

    def __call__(self, x: Any, y: Any) -> float:
        """The measure of two arrays.

        Args:
            x: (n × d₁), or a tuple of it and what the measure needs.
            y: (n × d₂), of the same n samples in the same order, or likewise.

        Raises:
            SimilarityError: arrays that are not comparable, naming both shapes; see also
                `prepared`.
        """
        from zoo_analysis.similarity.arrays import pair

        if self.needs:
            names = [need for need in get_args(Need) if need in self.needs]
            x, y = (self.prepared(z[0], **dict(zip(names, z[1:], strict=True))) for z in (x, y))
            return self.compare(x, y)
        return self.compare(*map(self.prepared, pair(x, y)))

    def prepared(self, x: Any, *, inputs: Any = None, labels: Any = None) -> Any:
        """An array, prepared with what the measure needs beside it and nothing else.

        Args:
            x: (n × d).
            inputs: (n × p), what the samples were when they went into the network, if known.
            labels: (n,) int64 classes of the samples, if known.

        Raises:
            SimilarityError: a need that is not met; an array that does not vary between samples,
                whatever the measure; see also the measure's `prepare`.
        """
        from zoo_analysis.similarity.arrays import varying

        given = {"inputs": inputs, "labels": labels}
        needed = {need: array for need, array in given.items() if need in self.needs}
        for need, array in needed.items():
            if array is None:
                raise SimilarityError(
                    f"{self.name} needs {need}, and this probe has none: use one that does "
                    "(digits, mnist5k), or another measure"
                )
        x = varying(x)
        return self.prepare((x, *needed.values()) if needed else x)

    def both_ways(self, x: Any, y: Any) -> Similarity:
        """The similarity of two prepared arrays, with either side's where these differ.

        Args:
            x: from `prepared`.
            y: likewise.

        Raises:
            SimilarityError: arrays that are not comparable; names both shapes.
        """
        forth = self.compare(x, y)
        if self.symmetric:
            return Similarity(forth)
        back = self.compare(y, x)
        return Similarity((forth + back) / 2, forth, back)
