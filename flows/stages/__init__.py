"""The stages of a night, as plain functions."""
