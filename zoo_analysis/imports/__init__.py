"""Metric tables and accuracies from elsewhere, as rows of the store."""
