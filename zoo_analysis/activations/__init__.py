"""Activations: the outputs of networks' layers over a probe, the same inputs for every model."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
