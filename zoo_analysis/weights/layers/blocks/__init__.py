"""Blocks of several matrices: projections that are fused, heads of attention, experts."""
