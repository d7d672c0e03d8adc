"""One model measured in this process, without Ray or a store."""

from pathlib import Path

import pyarrow as pa

from zoo_analysis.measure import measure
from zoo_analysis.spectra import Method
from zoo_analysis.weights import list_layers, open_checkpoint


def analyze(path: str | Path, how: Method | None = None, device: str = "cpu") -> pa.Table:
    """Measure every layer of a model.

    Args:
        path: a checkpoint file or a model directory in hub layout.
        how: the method; the default one where None (`spectra.method` makes others).
        device: ``cpu`` or ``cuda``.

    Returns:
        A row a layer, in the order of depth: the columns of the `layers` table without its keys.
        ``.to_pandas()`` makes it a data frame.

    Raises:
        CheckpointError: no readable weights there.
    """
    how = how or Method()
    with open_checkpoint(path) as checkpoint:
        specs = list_layers(checkpoint, split_qkv=how.split_qkv)
        return measure(checkpoint, specs, how, device).layers
