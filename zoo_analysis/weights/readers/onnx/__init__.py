"""The reader of ONNX."""
