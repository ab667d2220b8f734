"""Books ships in, by a saga."""
