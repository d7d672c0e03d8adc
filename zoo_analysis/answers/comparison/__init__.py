"""Two models beside each other, and which of their layers correspond."""
