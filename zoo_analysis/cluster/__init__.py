"""Runs on Ray: scans, comparisons, studies, looks at the hub."""
