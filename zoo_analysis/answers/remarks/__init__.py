"""Remarks beside an answer: why it is empty, how much of it is shown, what a scan found."""
