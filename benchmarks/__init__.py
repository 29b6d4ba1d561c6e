"""Figures of the README, each measured beside its peer."""
