"""Replays real purchases against the running shop, as real clients would."""
