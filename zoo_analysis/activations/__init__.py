"""What a network makes of a probe: its layers' outputs over the same inputs for every model."""

from zoo_analysis.activations.cache import captured
from zoo_analysis.activations.capture import capture
from zoo_analysis.activations.captured import Captured, LayerActivations
from zoo_analysis.activations.pooling import (
    Neurons,
    common_grid,
    comparable,
    neuron_values,
    pair_values,
)
from zoo_analysis.activations.probe import Probe
from zoo_analysis.activations.probes import NAMES, load_probe
from zoo_analysis.activations.revive import revive
from zoo_analysis.activations.revived import Revived

__all__ = [
    "NAMES",
    "Captured",
    "LayerActivations",
    "Neurons",
    "Probe",
    "Revived",
    "capture",
    "captured",
    "common_grid",
    "comparable",
    "load_probe",
    "neuron_values",
    "pair_values",
    "revive",
]
