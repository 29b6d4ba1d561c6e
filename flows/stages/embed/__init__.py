"""Scans in, vectors out."""
