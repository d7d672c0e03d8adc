"""GGUF, llama.cpp's format of weight files."""
