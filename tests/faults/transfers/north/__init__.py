"""A bank that money is taken from."""
