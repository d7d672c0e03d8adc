"""Layers of many networks, each with each, in blocked products instead of pair by pair."""
