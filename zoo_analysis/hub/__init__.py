"""Every word spoken to the hub: its metadata, its files by range, and copies of them on disk."""
