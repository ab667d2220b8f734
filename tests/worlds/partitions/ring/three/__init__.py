"""Three of three."""
