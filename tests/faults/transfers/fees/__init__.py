"""Earns a little of each transfer."""
