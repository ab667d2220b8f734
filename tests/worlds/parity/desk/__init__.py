"""Calls others, and tells how that went."""
