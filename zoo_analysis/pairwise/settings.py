"""What decides a similarity beside the models, the measure and the probe."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from zoo_analysis.activations.pooling import Neurons

if TYPE_CHECKING:
    from zoo_analysis.activations.probes.probe import Kind
    from zoo_analysis.similarity.measure import Measure

Mode = Literal["full", "partial"]

#: Where two models of one architecture, or two stacks, are compared without any input.
WEIGHTS = "weights"

#: The measure of a comparison, unless told otherwise.
MEASURE: Final = "neuronal"
#: Samples of a probe that models are shown, unless told otherwise.
SAMPLES: Final = 512
#: Positions a side; the column `neurons` says nothing of them, for they are the usual ones.
POSITIONS: Final = 4
#: Bytes that activations, kept from run to run, may take on a node.
ACTIVATION_BYTES: Final = 20 * 10**9


class Key(NamedTuple):
    """The columns of `similarities` that say how a number was made."""

    measure: str
    probe: str
    mode: str
    neurons: str
    selection: str


@dataclass(frozen=True)
class ComparisonSettings:
    """What decides a similarity beside the models, the measure and the probe.

    Attributes:
        mode: ``full`` compares every layer with every layer (the neuronal correlation with its
            penalty for distance); ``partial`` only layers of comparable output size.
        neurons: what a neuron is: a ``channel`` (samples are images × positions), a ``unit`` (a
            channel at a position; samples are images), or as ``published`` (positions of the first
            channel over ten images).
        layers: which layers, as `activations.capture` takes it.
        positions: grid positions a side that are kept of a layer; None keeps all.
    """

    mode: Mode = "full"
    neurons: Neurons = "channel"
    layers: str = "all"
    positions: int | None = POSITIONS

    def key(self, measure: "Measure", probe: str, kind: "Kind") -> Key:
        """How a measure's numbers over a probe are stored; without what they do not depend on."""
        if measure.of == "weights":
            return Key(measure.name, WEIGHTS, "full", WEIGHTS, "all")
        if measure.of == "outputs":
            return Key(measure.name, probe, "full", "outputs", "all")
        return Key(measure.name, probe, self.mode, self.counted(kind), self.layers)

    def counted(self, kind: "Kind") -> str:
        """What a neuron is, as it is stored: with the positions where these are not the usual."""
        if kind == "text":
            return "hidden"
        usual = None if self.neurons == "published" else POSITIONS
        if self.positions == usual:
            return self.neurons
        return f"{self.neurons}/{self.positions or 'all'}"
