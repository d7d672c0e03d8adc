"""Processes that do the work of a run: how they are started, bounded, watched and replaced."""
