"""Stands between a caller and the feed."""
