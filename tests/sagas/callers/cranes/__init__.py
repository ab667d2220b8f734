"""Lifts what ships carry."""
