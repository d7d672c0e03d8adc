"""A checkpoint's matrices, one at a time; names are imported when they are first used."""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
