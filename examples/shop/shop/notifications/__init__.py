"""Writes letters to customers, and keeps them."""
