"""Rows of tables that are dataclasses: what a fact is, stated once."""
