"""The errors this package raises on purpose: one line each, with the remedy in it."""


class ZooError(Exception):
    """Base of every error a user can cause; its text is one line that says what to do."""


class CheckpointError(ZooError):
    """A checkpoint that cannot be read: missing, truncated, malformed, unsafe or unsupported."""


class SourceError(ZooError):
    """A source, catalogue or packaged model that cannot be resolved."""


class QueryError(ZooError):
    """A query that is not a single read-only SELECT, or that DuckDB refuses."""


class StoreError(ZooError):
    """A store that cannot be opened or written."""


class SimilarityError(ZooError):
    """Arrays, layers or models that cannot be compared; names both shapes."""


class ActivationError(ZooError):
    """A probe or model that cannot be brought to life, or activations that cannot be captured."""
