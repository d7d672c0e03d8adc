"""Which tensors of a checkpoint are matrices, and what each of them is."""
