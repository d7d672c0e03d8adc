"""Inputs that every model of a run is shown."""
