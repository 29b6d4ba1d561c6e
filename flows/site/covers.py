"""Covers: what one encoder answers for, volumes or single pictures; said once for every room of flows."""

COVERS = ("3d", "2d")
