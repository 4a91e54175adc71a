"""Explanations of a network: kernels, feature maps and Grad-CAM."""
