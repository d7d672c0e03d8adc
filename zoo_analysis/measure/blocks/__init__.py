"""Blocks of several matrices: what they make together, measured."""
