"""Bars of runs while they last, and their summaries at the end."""
