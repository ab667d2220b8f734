"""Copies lists from what it hears."""
