"""Weight spectra of whole model zoos."""
