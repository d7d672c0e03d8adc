"""Kernels of samples, and how far two of them point the same way."""
