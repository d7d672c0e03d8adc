"""Questions to the store, answered with tables."""
