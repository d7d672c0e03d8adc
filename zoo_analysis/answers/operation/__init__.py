"""A store in operation: its upkeep, and the runs that write to it."""
