"""Metric tables computed elsewhere, as rows of the store."""
