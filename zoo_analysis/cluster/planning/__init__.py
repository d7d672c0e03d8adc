"""How long a scan takes on which machines."""
