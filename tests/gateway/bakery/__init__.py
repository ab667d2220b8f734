"""A small application for the edge to stand in front of."""
