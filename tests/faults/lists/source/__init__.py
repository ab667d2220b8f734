"""Keeps lists, and tells of each value."""
