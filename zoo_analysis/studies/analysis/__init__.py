"""What the studies compute from what their networks did."""
