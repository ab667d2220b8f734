"""Takes money and gives it back."""
