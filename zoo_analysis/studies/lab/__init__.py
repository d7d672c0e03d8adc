"""The laboratory of the studies: networks trained, images corrupted and attacked."""
