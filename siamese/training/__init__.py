"""Volumes and labels in, weights out."""
