"""`python -m zoo_analysis.cli`."""

from zoo_analysis.cli.app import main

main()
