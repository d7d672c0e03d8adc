"""Tables as text: cells, tables for readers, and formats that keep every digit."""
