"""Delta tables of what was measured, and DuckDB over them.

`open_store(uri)` gives a `Store`: `commit_models` and `append` write, `sql` and `run` ask.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
