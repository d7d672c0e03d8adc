"""The tasks of a scan: what is in one, what it does, which is next."""
