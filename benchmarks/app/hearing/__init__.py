"""Hears of what was counted."""
