"""Distances of people whom no encoder learned from in, what a distance is worth out."""
