"""Two models compared: similarities of layers and of wholes. No Ray, no store."""
