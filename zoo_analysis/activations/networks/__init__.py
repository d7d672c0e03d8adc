"""Networks loaded from their files, ready to be shown a probe."""
