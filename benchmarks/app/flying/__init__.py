"""One of those who take part in a trip."""
