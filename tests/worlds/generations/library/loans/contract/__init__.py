"""What loans promise: one module for each version."""
