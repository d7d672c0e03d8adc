"""Matrices among a checkpoint's tensors: their kind, role, order and parts."""
