"""Nearest neighbours of samples, and how many of them two arrays share."""
