"""Levels of the rows of WeightWatcher's tables before 0.4."""

from typing import Final, Literal

#: Rows of an early table that make its layers: those of whole layers, or of their slices.
Level = Literal["layer", "slice"]
LEVEL: Final[Level] = "layer"
