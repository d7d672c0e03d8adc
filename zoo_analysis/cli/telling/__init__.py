"""What runs tell: bars while they last, and summaries at their ends."""
