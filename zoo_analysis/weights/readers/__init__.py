"""Readers of checkpoints: formats, files, byte ranges."""
