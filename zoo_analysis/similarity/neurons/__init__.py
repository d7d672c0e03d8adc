"""Neurons correlated with neurons: the best partner of each, one to one, and of whole networks."""
