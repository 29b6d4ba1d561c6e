"""Rows as the science wants them."""
