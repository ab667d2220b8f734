"""Gives and takes items."""
