"""Distances between samples, and how alike those of two arrays are."""
