"""Vectors in, lists of the nearest priors out."""
