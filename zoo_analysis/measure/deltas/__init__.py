"""Differences of a model and its base, measured as weights are."""
