"""Every word spoken to the hub."""
