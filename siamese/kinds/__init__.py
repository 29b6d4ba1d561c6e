"""Vectors in, the kinds that they look like out."""
