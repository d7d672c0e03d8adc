"""Adapters: updates of a network's weights that a file keeps as factors."""
