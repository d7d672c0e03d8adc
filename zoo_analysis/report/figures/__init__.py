"""Figures of a store, as Vega-Altair charts that show themselves in a notebook.

Each is also a command, `zoo plot NAME`, and `save` writes it as a file; `scale` draws what
`zoo plan --replay ZOO --figure FILE` replays. What a chart embeds is bounded, and its caption says
what was binned or left out.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
