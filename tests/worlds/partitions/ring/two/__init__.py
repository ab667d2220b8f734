"""Two of three."""
