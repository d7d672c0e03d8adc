"""Similarity of two layers, networks or outputs: measures as functions of two arrays."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
