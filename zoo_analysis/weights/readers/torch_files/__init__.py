"""Files that `torch.save` writes, and how they are kept from doing harm."""
