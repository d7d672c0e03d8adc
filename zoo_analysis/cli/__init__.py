"""The `zoo` command: parses and prints, decides nothing."""

from zoo_analysis.cli.app import main

__all__ = ["main"]
