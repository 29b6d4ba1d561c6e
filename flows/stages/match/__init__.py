"""Vectors in, lists out."""
