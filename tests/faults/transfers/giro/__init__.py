"""Lets money go from one bank to another."""
