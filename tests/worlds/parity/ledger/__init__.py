"""Keeps accounts, and whatever else a callee may do."""
