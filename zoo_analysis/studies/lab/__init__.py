"""What the studies train, corrupt and attack."""
