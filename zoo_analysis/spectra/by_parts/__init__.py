"""Spectra of parts of matrices, and of products of these: windows, attention heads, experts."""
