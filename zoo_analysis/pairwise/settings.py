"""Settings of a comparison, and the key under which its numbers are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from zoo_analysis.activations.pooling import POSITIONS, PUBLISHED_IMAGES, Neurons

if TYPE_CHECKING:
    from zoo_analysis.activations.probes.probe import Kind
    from zoo_analysis.similarity.measure import Measure

Mode = Literal["full", "partial"]

#: The probe of a comparison without any input, of two checkpoints.
WEIGHTS: Final = "weights"

#: Chance of one false alarm or more of the test of independence, among all pairs of a run.
LEVEL: Final = 0.01

#: Samples of a probe that models are shown, unless told otherwise.
SAMPLES: Final = 512
#: The measure of a comparison, unless told otherwise.
MEASURE: Final = "neuronal"
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
    """The part of a similarity's definition that is not the models, the measure or the probe.

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

    @classmethod
    def chosen(
        cls, mode: Mode, neurons: Neurons, layers: str, positions: int | None
    ) -> ComparisonSettings:
        """Settings with the usual positions where none are asked for.

        Args:
            mode: see `ComparisonSettings`; likewise `neurons` and `layers`.
            neurons: of these depends what is usual.
            layers: a selection.
            positions: a side; None is 4, and all for ``published``.
        """
        usual = _usual_positions(neurons)
        return cls(mode, neurons, layers, usual if positions is None else positions)

    def samples(self, wanted: int) -> int:
        """Samples that a probe needs, where so many are wanted: ten images for ``published``."""
        return min(wanted, PUBLISHED_IMAGES) if self.neurons == "published" else wanted

    def key(self, measure: Measure, probe: str, kind: Kind) -> Key:
        """The key of a measure's numbers over a probe, without what they do not depend on."""
        if measure.of == "weights":
            return Key(measure.name, WEIGHTS, "full", WEIGHTS, "all")
        if measure.of == "outputs":
            return Key(measure.name, probe, "full", "outputs", "all")
        return Key(measure.name, probe, self.mode, self.counted(kind), self.layers)

    def counted(self, kind: Kind) -> str:
        """The neurons as they are stored: with the positions where these are not the usual."""
        if kind == "text":
            return "hidden"
        if self.positions == _usual_positions(self.neurons):
            return self.neurons
        return f"{self.neurons}/{self.positions or 'all'}"


def _usual_positions(neurons: Neurons) -> int | None:
    return None if neurons == "published" else POSITIONS
