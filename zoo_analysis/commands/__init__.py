"""What the commands do that is more than one call: progress, messages, the demo."""
