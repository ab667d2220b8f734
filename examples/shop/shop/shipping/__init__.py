"""Sends parcels, and knows where they are."""
