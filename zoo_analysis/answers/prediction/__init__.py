"""Accuracies predicted from size and weights, held against what is reported later."""
