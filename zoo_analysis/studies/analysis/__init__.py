"""Statistics of the studies, computed from what their networks did."""
