"""Samples as clouds of points, compared after the best rotation or linear map."""
