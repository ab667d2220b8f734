"""A bank that money goes to."""
