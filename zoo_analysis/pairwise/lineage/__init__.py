"""Kinship of models, told from their weights alone."""
