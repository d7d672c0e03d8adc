"""What a network makes of a probe: its layers' outputs over the same inputs for every model."""

from zoo_analysis.activations.activation_cache import captured
from zoo_analysis.activations.capture import capture
from zoo_analysis.activations.captured import Captured, LayerActivations
from zoo_analysis.activations.networks.load import load_network
from zoo_analysis.activations.networks.network import Network
from zoo_analysis.activations.pooling import (
    Neurons,
    common_grid,
    comparable,
    neuron_values,
    pair_values,
)
from zoo_analysis.activations.probes.named import NAMES, load_probe
from zoo_analysis.activations.probes.probe import Probe

__all__ = [
    "NAMES",
    "Captured",
    "LayerActivations",
    "Network",
    "Neurons",
    "Probe",
    "capture",
    "captured",
    "common_grid",
    "comparable",
    "load_network",
    "load_probe",
    "neuron_values",
    "pair_values",
]
