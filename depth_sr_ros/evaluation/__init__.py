"""Accuracy on data sets of RGB and depth or disparity pairs."""
