"""One of three."""
