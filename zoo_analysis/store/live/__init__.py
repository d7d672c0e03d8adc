"""Marks of what goes on in a store now: small files beside the tables, left by writers."""
