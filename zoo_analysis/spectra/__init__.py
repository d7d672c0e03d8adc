"""A matrix to its spectrum to its numbers: pure functions of arrays.

Its parts are imported when they are first used: the metrics' declarations need no torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
