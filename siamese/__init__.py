"""Volumes in, unit vectors and distances out."""
