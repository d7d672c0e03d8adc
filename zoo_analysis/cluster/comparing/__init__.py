"""The tasks of a comparison, and their order."""
