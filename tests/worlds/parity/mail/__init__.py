"""Hears of what happened, and writes letters."""
