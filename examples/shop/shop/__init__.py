"""A shop: five services that each own their data."""
