"""Stored runs as ONNX graphs."""
