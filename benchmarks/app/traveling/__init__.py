"""Trips: three steps of its own, or of three other services."""
