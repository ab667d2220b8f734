"""Who buys here."""
