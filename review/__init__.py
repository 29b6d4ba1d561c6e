"""Rows in, pages and tables out."""
