"""Published layouts of quantised weights: how each is recognised and decoded, a file a family."""
