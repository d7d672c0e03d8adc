"""Scans of whole hubs on clusters that nobody has, replayed event by event."""
