"""What lies on the shelf, and for whom it is held."""
