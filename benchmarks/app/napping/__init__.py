"""Sleeps."""
